"""Follows a database with a client of PyPI's and prints the id of what changed, a line for each; run by
couchdb-cloudant.test.mjs as `couchdb_follow.py CLIENT SERVER DATABASE [USER PASSWORD]`."""

import sys

import couchdb
from ibm_cloud_sdk_core.authenticators import BasicAuthenticator, NoAuthAuthenticator
from ibmcloudant import ChangesFollower, CloudantV1, CouchDbSessionAuthenticator


def cloudant(server: str, database: str, credentials: list[str], session: bool = False) -> ChangesFollower:
    authenticator = NoAuthAuthenticator()
    if credentials:
        authenticator = (CouchDbSessionAuthenticator if session else BasicAuthenticator)(*credentials)
    service = CloudantV1(authenticator=authenticator)
    service.set_service_url(server)
    return ChangesFollower(service, db=database, since="0", include_docs=True)


def follow(client: str, server: str, database: str, *credentials: str):
    if client == "couchdb":
        feed = couchdb.Database(f"{server}/{database}").changes(feed="continuous", heartbeat=100, include_docs=True)
        return (row for row in feed if "id" in row)
    follower = cloudant(server, database, list(credentials), "session" in client)
    return follower.start_one_off() if "once" in client else follower.start()


for change in follow(*sys.argv[1:]):
    print(change["id"], change["doc"].get("n"), flush=True)
