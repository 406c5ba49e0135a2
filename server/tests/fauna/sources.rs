//! What sources show, and that each is evaluated once for all who follow it.

use serde_json::json;

use crate::{
    client::{appliance, changes, with},
    common::eventually,
};

/// Documents that begin and stop matching are events, seen the same by everybody.
#[test]
fn conditions_decide_what_comes_and_goes() {
    let (_appliance, client) = appliance();
    let token = client.token("A.where(.n >= 1).where(.n <= 3).eventSource()");
    let mut early = client.stream(&token);
    client.ok("A.create({ id: '1', n: 0 })");
    for n in 1..5 {
        client.ok(&format!("A.byId('1')!.update({{ n: {n} }})"));
    }
    client.ok("A.byId('1')!.update({ n: 2 })");
    client.ok("A.byId('1')!.delete()");
    let expected = changes(&[("add", 1), ("update", 2), ("update", 3), ("remove", 3), ("add", 2), ("remove", 2)]);
    assert_eq!(early.changes(6), expected);
    assert_eq!(client.stream(&token).changes(6), expected);
}

#[test]
fn one_document_and_watched_fields() {
    let (_appliance, client) = appliance();
    client.ok("A.create({ id: '1', n: 0, m: 0 }); A.create({ id: '2', n: 0 })");
    let mut one = client.stream(&client.token("Set.single(A.byId('1')!).eventSource()"));
    let mut watched = client.stream(&client.token("A.all().eventsOn(.n)"));
    let mut old_names = client.stream(&client.token("A.all().changesOn(.n)"));
    client.ok("A.byId('2')!.update({ n: 5 })");
    client.ok("A.byId('1')!.update({ m: 1 })");
    client.ok("A.byId('1')!.update({ n: 7 })");
    assert_eq!(one.changes(2), changes(&[("update", 0), ("update", 7)]));
    for stream in [&mut watched, &mut old_names] {
        assert_eq!(stream.changes(2), changes(&[("update", 5), ("update", 7)]));
    }
}

/// Equal sources are one encoding, however they are written and however many follow; different ones are one each.
#[test]
fn a_source_is_evaluated_once_for_all_who_follow_it() {
    let (appliance, client) = with(|_| {});
    let mut streams = Vec::new();
    for subscriber in 0..40 {
        let n = subscriber % 10;
        let text = match subscriber % 2 {
            0 => format!("A.where(.n == {n}).eventSource()"),
            _ => format!("A.all().where(d => d.n == {n}).toStream()"),
        };
        streams.push((n, client.stream(&client.token(&text))));
    }
    client.ok("Set.sequence(0, 10).forEach(n => A.create({ n: n }))");
    for (n, stream) in &mut streams {
        assert_eq!(stream.changes(1), changes(&[("add", *n)]));
    }
    let described = || appliance.get("/v1/feeds/documents").1;
    let encodings = || described()["fauna"]["encodings"].as_array().map(Vec::len);
    eventually("ten sources are encoded live", || encodings() == Some(10));
    assert_eq!(described()["subscribers"], json!(40));
}
