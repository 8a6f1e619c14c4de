//! The loads that are tried.

use clap::ValueEnum;

/// One load: what is sent by how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Case {
    /// 200 bytes, one sender, one message in flight.
    #[value(name = "200x1x1")]
    SmallOne,
    /// 200 bytes, one sender, 32 messages in flight.
    #[value(name = "200x1x32")]
    SmallMany,
    /// 200 bytes, 16 senders, one message in flight each.
    #[value(name = "200x16x1")]
    SmallBusy,
    /// 64 KiB, one sender, one message in flight.
    #[value(name = "64kx1x1")]
    LargeOne,
    /// 64 KiB, one sender, 32 messages in flight.
    #[value(name = "64kx1x32")]
    LargeMany,
}

impl Case {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Case::SmallOne => "200 B, 1 sender x 1",
            Case::SmallMany => "200 B, 1 sender x 32",
            Case::SmallBusy => "200 B, 16 senders x 1",
            Case::LargeOne => "64 KiB, 1 sender x 1",
            Case::LargeMany => "64 KiB, 1 sender x 32",
        }
    }

    /// Bytes of the text that is sent.
    pub(crate) fn text(self) -> usize {
        match self {
            Case::SmallOne | Case::SmallMany | Case::SmallBusy => 200,
            Case::LargeOne | Case::LargeMany => 64 * 1024,
        }
    }

    /// How many of `participants` send.
    pub(crate) fn senders(self, participants: usize) -> usize {
        match self {
            Case::SmallBusy => participants.min(16),
            Case::SmallOne | Case::SmallMany | Case::LargeOne | Case::LargeMany => 1,
        }
    }

    /// Messages that each sender has in flight.
    pub(crate) fn window(self) -> u32 {
        match self {
            Case::SmallMany | Case::LargeMany => 32,
            Case::SmallOne | Case::SmallBusy | Case::LargeOne => 1,
        }
    }

    /// The ratio of CPU to the broadcaster's that is wanted with a thousand participants.
    pub(crate) fn wanted(self) -> f64 {
        match self {
            Case::SmallOne | Case::LargeOne | Case::LargeMany => 1.3,
            Case::SmallMany => 2.0,
            Case::SmallBusy => 1.5,
        }
    }
}
