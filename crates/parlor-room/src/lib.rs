//! The chat room without any protocol: roster, policy, recipients.
