//! How MSRP sockets are set up.

use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// What the kernel may hold for a recipient. Without a bound it hides megabytes from flow control.
const SEND_BUFFER: usize = 256 * 1024;
/// What it may hold of a sender. With what its window lets be under way these are the 384 KiB that a short message of
/// the same sender may stand behind.
const RECEIVE_BUFFER: usize = 128 * 1024;
/// The kernel asks for more once less than this has not been sent, so that what goes out next is decided late.
const NOT_SENT: u32 = 64 * 1024;

/// Sets a connection up. Nagle's algorithm is off: what is written is already gathered.
pub(super) fn set_up(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(NOT_SENT)?;
    // A peer that vanished without a word is found within minutes even if nothing is sent to it.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(120)))?;
    Ok(())
}
