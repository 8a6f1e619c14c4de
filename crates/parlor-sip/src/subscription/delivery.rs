//! When a subscriber is told, and what follows when it refuses.

use crate::Response;
use std::time::{Duration, Instant};

/// ```text
///              SUBSCRIBE              NOTIFY
///                  │     ┌───────────┐       ┌───────────┐ answered, and it
///                  └────▶│   Ready   │──────▶│ Notifying │──▶ was the last: gone
///   something to tell ┌─▶└───────────┘       └─────┬─────┘
///                     │        ▲                   │ answered
///                ┌────┴───┐    │ time has come,    ▼
///                │  Idle  │◀───┼────────────┬───────────┐
///                └────────┘    └────────────│  Waiting  │
///                                           └───────────┘
/// ```
#[derive(Debug)]
pub enum Delivery<Notice> {
    /// There is nothing to tell.
    Idle,
    /// A NOTIFY is to go out as soon as there is space for it.
    Ready,
    /// A NOTIFY is unanswered: there is never a second one (EVT-15).
    Notifying(Box<Notice>),
    /// Nothing goes out before that time.
    Waiting(Instant),
}

impl<Notice> Delivery<Notice> {
    /// The unanswered NOTIFY, if there is one.
    pub fn notice(&mut self) -> Option<&mut Notice> {
        match self {
            Self::Notifying(notice) => Some(notice),
            Self::Idle | Self::Ready | Self::Waiting(_) => None,
        }
    }
}

/// What a refused NOTIFY means for its subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is over.
    Ends,
    /// It is tried again after that time.
    Later(Duration),
}

impl Refused {
    /// EVT-14, after so many refusals in a row before this one; 408 stands for no answer. Without means to answer a
    /// challenge, one ends it too.
    pub fn by(response: &Response, failures: u8) -> Self {
        let code = response.code;
        let ends = matches!(code, 401 | 404 | 405 | 407 | 408 | 410 | 416 | 480..=485 | 489 | 501 | 604);
        if ends || failures >= MOST_FAILURES {
            return Self::Ends;
        }
        let wait = response.headers.retry_after().map_or(RETRY, |seconds| Duration::from_secs(seconds.into()));
        Self::Later(wait.clamp(Duration::from_secs(1), LONGEST_RETRY))
    }
}

/// How soon a NOTIFY is sent again that was refused for no lasting reason.
const RETRY: Duration = Duration::from_secs(10);
/// However long the subscriber wants to be left alone.
const LONGEST_RETRY: Duration = Duration::from_secs(300);
/// So many refusals in a row end a subscription.
const MOST_FAILURES: u8 = 5;
