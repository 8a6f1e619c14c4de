//! Bindings as the store keeps them.

use parlor_proxy::{BindingId, SavedBinding};
use parlor_sip::{Flow, Transport};
use parlor_store::Binding;
use std::time::Duration;

/// As the store keeps it.
pub(super) fn saved(binding: &SavedBinding) -> Binding {
    let Flow { transport, local, remote, connection: _ } = binding.flow;
    Binding {
        id: binding.id.0,
        user: binding.user.to_string(),
        contact: binding.contact.clone(),
        path: binding.path.clone(),
        call_id: binding.call_id.clone(),
        cseq: binding.cseq,
        expires: binding.expires,
        flow: format!("{} {local} {remote}", transport.via_name()),
    }
}

/// As it was; `None` if the store holds something else.
pub(super) fn binding(saved: Binding) -> Option<SavedBinding> {
    let mut flow = saved.flow.split(' ');
    let transports = [Transport::Udp, Transport::Tcp, Transport::Tls];
    let named = flow.next()?;
    let transport = transports.into_iter().find(|transport| transport.via_name() == named)?;
    let (local, remote) = (flow.next()?.parse().ok()?, flow.next()?.parse().ok()?);
    Some(SavedBinding {
        id: BindingId(saved.id),
        user: saved.user.into(),
        contact: saved.contact,
        path: saved.path,
        call_id: saved.call_id,
        cseq: saved.cseq,
        expires: saved.expires,
        flow: Flow { transport, local, remote, connection: None },
    })
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_what_it_was() {
        for (transport, remote) in [(Transport::Udp, "192.0.2.1:5060"), (Transport::Tls, "[2001:db8::1]:5061")] {
            let (local, remote) = ("[::]:5060".parse().expect("an address"), remote.parse().expect("an address"));
            let before = SavedBinding {
                id: BindingId(7),
                user: "alice".into(),
                contact: "<sip:alice@192.0.2.1>".to_owned(),
                path: String::new(),
                call_id: "c".to_owned(),
                cseq: 1,
                expires: u64::MAX,
                flow: Flow { transport, local, remote, connection: None },
            };
            assert_eq!(binding(saved(&before)), Some(before));
        }
    }
}
