//! Two endpoints over a network that loses, doubles and reorders.

use super::*;

/// With a third of the datagrams lost, all reordered and some doubled, every request reaches the core once and ends once.
#[test]
fn loss_and_reordering_are_survived() {
    for seed in 0..40 {
        run_lossy(seed);
    }
}

fn run_lossy(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut client, mut server) = (Alone::new(TransactionLimits::default()), Alone::new(TransactionLimits::default()));
    let mut now = client.now;
    let mut network: BTreeMap<(Instant, u64), (bool, Bytes)> = BTreeMap::new();
    let mut posted = 0;
    let (mut asked, mut ended, mut received) = (0, BTreeMap::new(), BTreeMap::new());
    for index in 0..20 {
        let method = if index % 2 == 0 { Method::Invite } else { Method::Message };
        let target = flow(Transport::Udp, CLIENT, SERVER);
        let request = request(method, &format!("call-{index}"));
        client.endpoint.request(now, target, &SentBy::from(address(CLIENT)), request);
        asked += 1;
    }
    loop {
        for (to_server, endpoint) in [(true, &mut client.endpoint), (false, &mut server.endpoint)] {
            while let Some(transmit) = endpoint.poll_transmit() {
                let copies = match rng.random_range(0..10) {
                    0..=2 => 0,
                    3 => 2,
                    _ => 1,
                };
                for _ in 0..copies {
                    posted += 1;
                    let at = now + Duration::from_millis(rng.random_range(1..800));
                    network.insert((at, posted), (to_server, transmit.bytes.clone()));
                }
            }
        }
        for event in server.events() {
            let Event::Request { tx, request, .. } = event else { panic!("{event:?}") };
            *received.entry(request.headers.call_id().unwrap().to_owned()).or_insert(0) += 1;
            let mut response = Response::for_request(&request, 486, "Busy Here");
            response.set_to_tag("t");
            server.endpoint.respond(now, tx, &response);
        }
        for event in client.events() {
            match event {
                Event::Response { tx, response } if response.code == 486 => *ended.entry(tx).or_insert(0) += 1,
                Event::Timeout { tx } => *ended.entry(tx).or_insert(0) += 1,
                Event::Response { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        let due = [
            client.endpoint.poll_timeout(),
            server.endpoint.poll_timeout(),
            network.first_key_value().map(|((at, _), _)| *at),
        ];
        let Some(next) = due.into_iter().flatten().min() else { break };
        if next > now {
            now = next;
            client.endpoint.handle_timeout(now);
            server.endpoint.handle_timeout(now);
        }
        while let Some(entry) = network.first_entry().filter(|entry| entry.key().0 <= now) {
            let (to_server, bytes) = entry.remove();
            let message = parse_datagram(&bytes, &Limits::default()).unwrap();
            if to_server {
                server.endpoint.handle_message(now, flow(Transport::Udp, SERVER, CLIENT), message);
            } else {
                client.endpoint.handle_message(now, flow(Transport::Udp, CLIENT, SERVER), message);
            }
        }
    }
    assert_eq!(ended.len(), asked, "seed {seed}");
    assert!(ended.values().all(|count| *count == 1), "seed {seed}");
    assert!(received.values().all(|count| *count == 1), "seed {seed}: {received:?}");
    client.assert_empty();
    server.assert_empty();
}
