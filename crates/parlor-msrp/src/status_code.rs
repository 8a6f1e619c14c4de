//! Status codes and their words (RFC 4975 §10, RFC 4976 §10.3, RFC 7701 §10.3).

/// The words that go with a status code.
pub fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        413 => "Stop Sending",
        415 => "Unsupported Media Type",
        423 => "Parameter Out of Bounds",
        424 => "Malformed Nickname",
        425 => "Nickname Reserved or in Use",
        428 => "Private Messages Not Supported",
        481 => "Session Does Not Exist",
        501 => "Unknown Method",
        506 => "Session in Use",
        _ => "",
    }
}
