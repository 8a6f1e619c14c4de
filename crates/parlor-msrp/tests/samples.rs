//! The messages of RFC 4975 and of real peers, whole and one octet at a time.

mod common;

use std::fmt::Write;

use bytes::Bytes;
use parlor_msrp::{Event, Request};

/// What is found in a sample, an event a line.
fn transcript(sample: &'static [u8]) -> String {
    let sample = Bytes::from_static(sample);
    let (whole, error) = common::events([sample.clone()]);
    assert_eq!(error, None);
    let single = (0..sample.len()).map(|at| sample.slice(at..=at));
    assert_eq!(common::events(single).0, whole, "one octet at a time");
    let mut lines = String::new();
    for event in &whole {
        line(&mut lines, event);
    }
    lines
}

fn line(out: &mut String, event: &Event) {
    match event {
        Event::Request(request) => writeln!(out, "{}", summary(request)),
        Event::Body(body) => writeln!(out, "body {}", body.escape_ascii()),
        Event::End(flag) => writeln!(out, "end {}", char::from(flag.as_byte())),
        Event::Response(response) => writeln!(out, "{} {} {}", response.tid, response.code, response.comment),
    }
    .expect("a String");
}

fn summary(request: &Request) -> String {
    let mut parts = vec![request.method.as_str().to_owned(), request.tid.to_string()];
    parts.extend(request.message_id.map(|id| id.to_string()));
    parts.extend(request.byte_range.map(|range| range.to_string()));
    parts.extend(
        request
            .has_report_headers
            .then(|| format!("failure={} success={}", request.failure_report.as_str(), request.success_report)),
    );
    parts.extend(request.status.map(|status| format!("status={}/{}", status.namespace, status.code)));
    parts.extend(request.use_nickname.as_ref().map(|name| format!("<{}>", name.escape_ascii())));
    parts.extend(request.content_type.as_ref().map(ToString::to_string));
    parts.extend(request.has_body.then(|| "+body".to_owned()));
    parts.extend(request.malformed.map(|error| format!("({error})")));
    parts.join(" ")
}

macro_rules! sample {
    ($name:literal) => {
        transcript(include_bytes!(concat!("../testdata/", $name, ".msrp")))
    };
}

#[test]
fn basic_session_of_rfc_4975_section_11_1() {
    let expected = "\
        SEND d93kswow 12339sdqwer 1-16/16 text/plain +body\n\
        body Hi, I\\'m Alice!\n\
        end $\n\
        d93kswow 200 OK\n\
        SEND dkei38sd 456s9wlk3 1-21/21 text/plain +body\n\
        body Hi, Alice!  I\\'m Bob!\n\
        end $\n\
        dkei38sd 200 OK\n";
    assert_eq!(sample!("rfc4975_11_1"), expected);
}

#[test]
fn xhtml_of_rfc_4975_section_11_2() {
    let found = sample!("rfc4975_11_2");
    assert!(found.starts_with("SEND dsdfoe38sd 456so39s 1-374/374 application/xhtml+xml +body\nbody <?xml "));
    assert!(found.ends_with("</html>\nend $\n"), "{found}");
}

#[test]
fn chunks_of_rfc_4975_section_11_4() {
    let found = sample!("rfc4975_11_4");
    assert!(found.starts_with("SEND d93kswow 12339sdqwer 1-137/148 message/cpim +body\nbody To: Bob"));
    assert!(
        found
            .contains("ABCD\nend +\nSEND op2nc9a 12339sdqwer 138-148/148 message/cpim +body\nbody 1234567890\nend $\n")
    );
}

#[test]
fn system_message_of_rfc_4975_section_11_5() {
    let expected = "\
        SEND d93kswow 12339sdqwer 1-38/38 failure=no success=false text/plain +body\n\
        body This conference will end in 5 minutes\n\
        end $\n";
    assert_eq!(sample!("rfc4975_11_5"), expected);
}

#[test]
fn report_of_rfc_4975_section_11_6() {
    let found = sample!("rfc4975_11_6");
    assert!(found.starts_with("SEND d93kswow 12339sdqwer 1-106/106 failure=no success=true text/html +body\n"));
    assert!(found.ends_with("end $\nREPORT dkei38sd 12339sdqwer 1-106/106 status=0/200\nend $\n"));
}

#[test]
fn two_chunks_and_their_report() {
    let expected = "\
        SEND b9x7Kq2mVt4Zs m-4411aa 1-*/8 failure=yes success=true text/plain +body\n\
        body abcd\n\
        end +\n\
        SEND c0y8Lr3nWu5At m-4411aa 5-8/8 failure=yes success=true text/plain +body\n\
        body EFGH\n\
        end $\n\
        REPORT d1z9Ms4oXv6Bu m-4411aa 1-8/8 status=0/200\n\
        end $\n";
    assert_eq!(sample!("chunks_and_report"), expected);
}

#[test]
fn blink_binds_talks_and_takes_a_nickname() {
    let found = sample!("blink");
    assert!(found.starts_with(
        "SEND 2b13dd429fc97a01 6977175e14a2cbe6 1-0/0\nend $\n\
         SEND 2b13dd429fc97a02 12f6a647052d9e36 1-186/186 failure=yes success=true message/cpim +body\nbody From: Alice"
    ));
    // MSRP-E6: an unknown header is ignored; MSRP-12: an unknown method is told.
    assert!(found.ends_with(
        "\\n\\nhello room\nend $\n\
         NICKNAME 2b13dd429fc97a03 <Ally>\nend $\n\
         NICKNAME 2b13dd429fc97a04 <>\nend $\n\
         SEND 2b13dd429fc97a05 6977175e14a2cbe7\nend $\n\
         FILE_OFFSET 2b13dd429fc97a06\nend $\n"
    ));
}

#[test]
fn msrp_java_always_writes_a_range_and_no_comment() {
    let expected = "\
        SEND q7Yp33xA 9f86d081884c7d659a2feaa0c55ad015 1-*/10 text/plain +body\n\
        body 01234\n\
        end +\n\
        SEND r8Zq44yB 9f86d081884c7d659a2feaa0c55ad015 6-*/10 text/plain +body\n\
        body 56789\n\
        end $\n\
        NICKNAME s9Ar55zC <\\\"Bob\\\">\n\
        end $\n\
        t0Bs66aD 200 \n";
    assert_eq!(sample!("msrp_java"), expected);
}

#[test]
fn msrp_node_lib_has_short_ids_and_heartbeats() {
    let expected = "\
        SEND abc 3990000000.k3j9x0ab\n\
        end $\n\
        SEND k3j9x0ab 3990000001.k3j9x0ac 1-9/9 text/x-msrp-heartbeat +body\n\
        body HEARTBEAT\n\
        end $\n\
        REPORT k3j9x0ac unknown.1 1-9/9 status=0/413\n\
        end $\n";
    assert_eq!(sample!("msrp_node_lib"), expected);
}

#[test]
fn libmsrp_is_read_until_it_cannot_be() {
    // The bare LF before its end-line is data (MSRP-15), so the SEND does not end: it is malformed and gets 400.
    let expected = "\
        REPORT libmsrp1 1234abcd 1-0/0 status=0/200\n\
        end $\n\
        SEND libmsrp2 1234abce 1-5/5 text/plain +body (bare LF before the body)\n\
        body Hello\\n-------libmsrp2$\n";
    assert_eq!(sample!("libmsrp"), expected);
}

#[test]
fn look_alikes_of_the_end_line_are_data_msrp_15() {
    let found = sample!("look_alikes");
    let expected = r"body -------\r\n-------own2$\r\n-------own1\r\n------own1$\r\n--------own1$\r\n-------own1!\r\n-------own1$x\r\n\n-------own1$\r\nend\r\n-------own1+\r";
    assert_eq!(found, format!("SEND own1 m1 text/plain +body\n{expected}\nend $\n"));
}

#[test]
fn no_body_and_an_empty_one_differ_msrp_5_6_e7() {
    let expected = "\
        SEND e001 m1\n\
        end $\n\
        SEND e002 m2 text/plain\n\
        end $\n\
        SEND e003 m3 text/plain +body\n\
        end $\n\
        SEND e004 m4 text/plain +body\n\
        end $\n\
        SEND e005 m5 text/plain +body\n\
        body \\r\\n\n\
        end $\n";
    assert_eq!(sample!("empty"), expected);
}
