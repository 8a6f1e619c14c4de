//! MSRP on the wire: URIs, incremental decoder, encoder (RFC 4975, RFC 7701).
