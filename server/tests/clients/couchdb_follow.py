"""Follows a database with a client of PyPI's and prints what changed, a line for each document: its id and its `n`.

Run by couchdb-cloudant.test.mjs: `couchdb_follow.py CLIENT SERVER DATABASE [USER PASSWORD]`.
"""

import sys

import couchdb
from ibm_cloud_sdk_core.authenticators import BasicAuthenticator, NoAuthAuthenticator
from ibmcloudant import ChangesFollower, CloudantV1, CouchDbSessionAuthenticator


def cloudant(client: str, server: str, database: str, *credentials: str):
    authenticator = NoAuthAuthenticator()
    if credentials:
        authenticator = (CouchDbSessionAuthenticator if "session" in client else BasicAuthenticator)(*credentials)
    service = CloudantV1(authenticator=authenticator)
    service.set_service_url(server)
    follower = ChangesFollower(service, db=database, since="0", include_docs=True)
    changes = follower.start_one_off() if "once" in client else follower.start()
    return (change.to_dict() for change in changes)


def follow(client: str, server: str, database: str, *credentials: str):
    if client == "couchdb":
        rows = couchdb.Database(f"{server}/{database}").changes(feed="continuous", heartbeat=100, include_docs=True)
        return (row for row in rows if "last_seq" not in row)
    return cloudant(client, server, database, *credentials)


for change in follow(*sys.argv[1:]):
    print(change["id"], change["doc"]["n"], flush=True)
