//! Bindings on their way to and from the store.

use super::binding::{Binding, FlowId, SavedBinding};
use super::{Registrar, Reject};
use parlor_sip::{Flow, HeaderName, Headers, NameAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Registrar {
    /// A binding as it is kept.
    pub(super) fn saved(&self, user: &Arc<str>, binding: &Binding) -> SavedBinding {
        SavedBinding {
            id: binding.id,
            user: Arc::clone(user),
            contact: binding.contact.to_string(),
            path: binding.path.iter().map(NameAddr::to_string).collect::<Vec<_>>().join(", "),
            call_id: binding.call_id.to_string(),
            cseq: binding.cseq,
            expires: u64::try_from(self.clock.since_epoch(binding.expires).as_millis()).unwrap_or(u64::MAX),
            flow: binding.flow,
        }
    }

    /// Takes in what was kept. What is over by now, and what lived on a stream, is passed over.
    pub(crate) fn restore(&mut self, now: Instant, all: Vec<SavedBinding>) {
        let clock = self.clock.since_epoch(now);
        for saved in all {
            self.next_id = self.next_id.max(saved.id.0 + 1);
            let left = Duration::from_millis(saved.expires).saturating_sub(clock).min(self.settings.max_expires);
            let Ok(binding) = binding(&saved, now + left) else { continue };
            let is_full = self.bindings.len() >= self.settings.limits.bindings;
            if !left.is_zero() && !binding.lives_on_its_stream() && !is_full {
                self.bindings.put(&saved.user, binding);
            }
        }
    }
}

fn binding(saved: &SavedBinding, expires: Instant) -> Result<Binding, Reject> {
    let mut headers = Headers::new();
    headers.push(HeaderName::Contact, &saved.contact);
    if !saved.path.is_empty() {
        headers.push(HeaderName::Path, &saved.path);
    }
    let contact = headers.contact()?;
    Ok(Binding {
        id: saved.id,
        revision: 0,
        flow_id: FlowId::of(&contact),
        contact,
        call_id: saved.call_id.as_str().into(),
        cseq: saved.cseq,
        expires,
        path: headers.path()?.into(),
        flow: Flow { connection: None, ..saved.flow },
    })
}
