//! SIP without I/O: messages, transactions, dialogs (RFC 3261, RFC 6026).
