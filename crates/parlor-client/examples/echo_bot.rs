//! A bot that says again what others say.
//!
//! ```sh
//! cargo run -p parlor-client --example echo_bot -- sip:lobby@127.0.0.1:5060
//! ```

use std::error::Error;

use parlor_client::{Event, JoinOptions, Room};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let uri = std::env::args().nth(1).unwrap_or_else(|| "sip:lobby@127.0.0.1:5060".to_owned());
    let mut room = Room::join(JoinOptions::new(&uri)?.name("echo")).await?;
    println!("in {} as {}", room.address(), room.identity());
    while let Some(event) = room.next_event().await {
        match event {
            Event::Message(message) => {
                let Some(text) = message.text() else { continue };
                if text == "go away" {
                    break;
                }
                let from = message.header.from.display.as_deref().unwrap_or(&message.header.from.uri);
                // Another bot of this kind would answer us for ever.
                if from != "echo" {
                    room.send_text(&format!("{from} said: {text}")).await?;
                }
            }
            Event::Closed(why) => println!("{why}"),
            _ => {}
        }
    }
    room.leave().await?;
    Ok(())
}
