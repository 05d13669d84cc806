//! Who asks: as many people as are wanted, each with a number, in an order that is no order to an index.
//! Refuses to be random: person 7 is the same one in every run, on the server's side and on the raw one.

/// Digits of a marker: enough for a hundred million.
const MODULUS: u64 = 100_000_000;

/// Shares no divisor with the modulus, so every number has a marker of its own; neighbours lie far apart, as real ones do.
const STEP: u64 = 61_803_399;

/// The eight digits by which a person's texts differ from anybody else's.
pub(crate) fn marker(number: u64) -> String {
    format!("{:08}", number * STEP % MODULUS)
}

/// What the old Lambda sends for somebody new.
pub(crate) fn newcomer(number: u64) -> String {
    body(&format!("person-{}", marker(number)), &marker(number), "example.com")
}

/// Somebody else who would get the name of person `number`.
pub(crate) fn rival(number: u64) -> String {
    body(&format!("person-{}", marker(number)), &format!("rival-{number}"), "other.example")
}

/// Somebody whose name the default policy refuses.
pub(crate) fn unfit(number: u64) -> String {
    body(&format!("-person-{}", marker(number)), &format!("unfit-{number}"), "example.com")
}

fn body(local: &str, subject: &str, domain: &str) -> String {
    let email = format!("{local}@{domain}");
    format!(
        r#"{{"username":"{email}","email":"{email}","cognito_user_id":"{email}","user_attributes":{{"sub":"5e0c9b8f-3a11-4a7f-{subject}","email":"{email}","email_verified":"true","cognito:user_status":"CONFIRMED"}}}}"#
    )
}
