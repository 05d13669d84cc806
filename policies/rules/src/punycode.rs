//! RFC 3492, in the one direction that is needed: what a label in another script is called in the domain name system.

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;

/// The code of a label, without `xn--`; none when a number grows too large, as it does for a label that is far too long.
pub(crate) fn encode(label: &str) -> Option<String> {
    let mut code: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(code.len()).ok()?;
    let all = u32::try_from(label.chars().count()).ok()?;
    if basic > 0 {
        code.push('-');
    }
    let (mut next, mut delta, mut bias, mut done) = (0x80_u32, 0_u32, 72_u32, basic);
    while done < all {
        let least = label.chars().map(u32::from).filter(|c| *c >= next).min()?;
        delta = delta.checked_add((least - next).checked_mul(done + 1)?)?;
        next = least;
        for c in label.chars().map(u32::from) {
            if c < next {
                delta = delta.checked_add(1)?;
            }
            if c == next {
                number(delta, bias, &mut code);
                bias = adapt(delta, done + 1, done == basic);
                delta = 0;
                done += 1;
            }
        }
        delta = delta.checked_add(1)?;
        next += 1;
    }
    Some(code)
}

/// A number of variable length.
fn number(mut number: u32, bias: u32, code: &mut String) {
    for k in (BASE..).step_by(BASE as usize) {
        let t = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if number < t {
            break;
        }
        code.push(digit(t + (number - t) % (BASE - t)));
        number = (number - t) / (BASE - t);
    }
    code.push(digit(number));
}

fn digit(value: u32) -> char {
    char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[value as usize])
}

fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}
