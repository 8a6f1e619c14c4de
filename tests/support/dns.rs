//! A name server on loopback that knows a few names.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A name server; it ends when dropped.
pub(crate) struct Dns {
    address: SocketAddr,
    zone: Arc<Mutex<Vec<(String, Record)>>>,
    serving: Option<JoinHandle<()>>,
}

/// What it says of a name.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    /// The address of a host.
    A(IpAddr),
    /// Priority, port and host of a server.
    Srv(u16, u16, String),
    /// Order, service and the name of its SRV records.
    Naptr(u16, &'static str, String),
}

impl Dns {
    /// One that knows nothing yet.
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let zone: Arc<Mutex<Vec<(String, Record)>>> = Arc::default();
        let known = Arc::clone(&zone);
        let serving = std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                if length == 0 {
                    return;
                }
                let answer = answer(&buffer[..length], &known.lock().unwrap());
                socket.send_to(&answer, peer).unwrap();
            }
        });
        Self { address, zone, serving: Some(serving) }
    }

    /// How the server is told of it: a value of `sip.name_servers`.
    pub(crate) fn key(&self) -> String {
        format!("[\"{}\"]", self.address)
    }

    /// Adds what it says of a name.
    pub(crate) fn add(&self, name: &str, record: Record) {
        self.zone.lock().unwrap().push((name.to_owned(), record));
    }

    /// Adds a server of a service, such as `_sip._tcp.example.org`, that is at this address.
    pub(crate) fn serve(&self, service: &str, priority: u16, at: SocketAddr) {
        let host = format!("host{}.test", at.port());
        self.add(service, Record::Srv(priority, at.port(), host.clone()));
        self.add(&host, Record::A(at.ip()));
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let _ = socket.send_to(&[], self.address);
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

/// RFC 1035 §4.1: the header, the question as it came, and the answers to it.
fn answer(query: &[u8], zone: &[(String, Record)]) -> Vec<u8> {
    let (name, after) = read_name(query);
    let kind = u16::from_be_bytes([query[after], query[after + 1]]);
    let of_name: Vec<&Record> =
        zone.iter().filter(|(own, _)| own.eq_ignore_ascii_case(&name)).map(|(_, r)| r).collect();
    let said: Vec<Vec<u8>> = of_name.iter().filter_map(|record| record.data(kind)).collect();
    let code = if of_name.is_empty() { 3 } else { 0 };
    let mut out = query[..2].to_vec();
    out.extend([0x81, 0x80 | code, 0, 1]);
    out.extend(u16::try_from(said.len()).unwrap().to_be_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(&query[12..after + 4]);
    for data in said {
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend(data);
    }
    out
}

/// The name that is asked for, and where it ends.
fn read_name(query: &[u8]) -> (String, usize) {
    let (mut at, mut labels) = (12, Vec::new());
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
        at = end;
    }
    (labels.join("."), at + 1)
}

impl Record {
    /// Its data, if it is of that type.
    fn data(&self, kind: u16) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        match (self, kind) {
            (Self::A(IpAddr::V4(ip)), 1) => out.extend(ip.octets()),
            (Self::A(IpAddr::V6(ip)), 28) => out.extend(ip.octets()),
            (Self::Srv(priority, port, host), 33) => {
                for number in [*priority, 0, *port] {
                    out.extend(number.to_be_bytes());
                }
                write_name(&mut out, host);
            }
            (Self::Naptr(order, service, srv), 35) => {
                out.extend(order.to_be_bytes());
                out.extend([0, 0, 1, b's', u8::try_from(service.len()).unwrap()]);
                out.extend(service.as_bytes());
                out.push(0);
                write_name(&mut out, srv);
            }
            _ => return None,
        }
        Some(out)
    }
}

fn write_name(out: &mut Vec<u8>, name: &str) {
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.as_bytes());
    }
    out.push(0);
}
