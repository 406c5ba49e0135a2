//! Reports in words, for people.

use std::fmt::Write;

use indicatif::{HumanBytes, HumanCount};

use crate::{
    publish::PublishReport,
    stats::{LatencyReport, LoadGenerator},
    subscribe::{Reasons, SubscribeReport},
    tls::TlsReport,
};

/// A publishing run in a few lines.
pub(super) fn publish(report: &PublishReport) -> String {
    let total = &report.total;
    let mut out = String::new();
    line(&mut out, "feed", format_args!("{} at {}", report.feed, report.url));
    line(
        &mut out,
        "acknowledged",
        format_args!(
            "{} events in {} of {} batches, seq {} to {}",
            HumanCount(total.acked_events),
            HumanCount(total.acked_batches),
            HumanCount(total.batches),
            number(total.first_seq),
            number(total.last_seq)
        ),
    );
    line(
        &mut out,
        "rate",
        format_args!(
            "{} events/s, {}/s over {:.2} s",
            HumanCount(report.published.events_per_second as u64),
            HumanBytes(report.published.bytes_per_second as u64),
            report.window.seconds
        ),
    );
    tls(&mut out, report.tls.as_ref());
    latency(&mut out, "ack latency", &report.ack_latency);
    latency(&mut out, "lateness", &report.lateness);
    reasons(&mut out, "refused", &total.refused);
    reasons(&mut out, "unanswered", &total.unanswered);
    reasons(&mut out, "wrong", &total.wrong);
    load_generator(&mut out, &report.load_generator);
    out
}

/// A subscribing run in a few lines.
pub(super) fn subscribe(report: &SubscribeReport) -> String {
    let (connections, delivered) = (&report.connections, &report.delivered);
    let mut out = String::new();
    line(&mut out, "stream", format_args!("{}", report.url));
    line(
        &mut out,
        "connections",
        format_args!(
            "{} of {} opened, {} open at the end ({} checked, {} never read)",
            HumanCount(connections.tally.opened),
            HumanCount(connections.asked as u64),
            HumanCount(connections.open_at_end),
            HumanCount(connections.checked as u64),
            HumanCount(connections.stalled as u64)
        ),
    );
    tls(&mut out, report.tls.as_ref());
    reasons(&mut out, "failed", &connections.tally.failed);
    reasons(&mut out, "closed", &connections.tally.closed);
    if connections.tally.reconnected > 0 {
        line(&mut out, "reconnected", format_args!("{} times", connections.tally.reconnected));
    }
    line(
        &mut out,
        "delivered",
        format_args!(
            "{} events/s, {}/s over {:.2} s (begun {})",
            HumanCount(delivered.events_per_second as u64),
            HumanBytes(delivered.bytes_per_second as u64),
            report.window.seconds,
            report.window.starts
        ),
    );
    let spread = &report.bytes_per_connection;
    line(
        &mut out,
        "per connection",
        format_args!(
            "{} least, {} median, {} most",
            HumanBytes(spread.min),
            HumanBytes(spread.median),
            HumanBytes(spread.max)
        ),
    );
    latency(&mut out, "latency", &report.latency);
    load_generator(&mut out, &report.load_generator);
    verdict(&mut out, report);
    out
}

fn verdict(out: &mut String, report: &SubscribeReport) {
    let checked: u64 = report.checked.iter().map(|c| c.events).sum();
    if report.verdict.ok {
        return line(out, "checks", format_args!("hold, over {} events", HumanCount(checked)));
    }
    line(out, "checks", format_args!("FAILED, over {} events", HumanCount(checked)));
    for violation in &report.verdict.violations {
        line(out, "", format_args!("{violation}"));
    }
    for connection in report.checked.iter().filter(|c| !c.problems.is_empty()).take(4) {
        let problems = connection.problems.join("; ");
        line(out, "", format_args!("connection {}: {problems}", connection.connection));
    }
}

fn tls(out: &mut String, tls: Option<&TlsReport>) {
    let Some(tls) = tls else { return };
    for (agreed, count) in &tls.agreed {
        line(out, "tls", format_args!("{agreed} ({} handshakes)", HumanCount(*count)));
    }
    latency(out, "handshakes", &tls.handshakes);
    if !tls.verified {
        line(out, "certificate", format_args!("not verified (--insecure)"));
    }
}

fn latency(out: &mut String, name: &str, latency: &LatencyReport) {
    if latency.count == 0 {
        return;
    }
    let ms = |us: u64| us as f64 / 1e3;
    line(
        out,
        name,
        format_args!(
            "p50 {:.3} ms, p90 {:.3}, p99 {:.3}, p99.9 {:.3}, most {:.3} (of {})",
            ms(latency.p50_us),
            ms(latency.p90_us),
            ms(latency.p99_us),
            ms(latency.p999_us),
            ms(latency.max_us),
            HumanCount(latency.count)
        ),
    );
}

fn load_generator(out: &mut String, used: &LoadGenerator) {
    line(out, "load generator", format_args!("{:.0} % of a core on {} threads", used.cpu_share * 100.0, used.threads));
}

fn reasons(out: &mut String, name: &str, reasons: &Reasons) {
    for (reason, count) in reasons {
        line(out, name, format_args!("{} {reason}", HumanCount(*count)));
    }
}

fn number(value: Option<u64>) -> String {
    value.map_or("none".into(), |value| value.to_string())
}

fn line(out: &mut String, name: &str, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{name:<15} {text}").expect("writing to a string cannot fail");
}
