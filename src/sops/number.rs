//! Numbers in the texts that sops, a Go program, gives them and takes them in.
//!
//! Digits come from `ryu`: where two shortest decimals are equally near, Rust's own printing picks another
//! one than Go, and the MAC is taken over this text.

use std::fmt::Write as _;

/// Why a text is not a number, as Go's `strconv` tells it apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Invalid {
    /// Not the syntax of a number.
    Syntax,
    /// A number that does not fit.
    Range,
}

/// A whole number as YAML reads it: what does not fit 64 signed bits may still fit 64 unsigned ones, a type
/// that sops cannot handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Integer {
    /// Fits `i64`.
    Signed(i64),
    /// Fits `u64` only.
    Unsigned(u64),
}

/// The shortest decimal digits of a finite number: 0.d₁d₂… times ten to the power of `point`.
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    point: i32,
}

impl Decimal {
    fn of(value: f64) -> Self {
        let negative = value.is_sign_negative();
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let mut point = exponent.parse::<i32>().unwrap_or(0) + i32::try_from(whole.len()).unwrap_or(0);
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        point -= i32::try_from(leading).unwrap_or(0);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            digits.push(b'0');
            point = 1;
        }
        Self { negative, digits, point }
    }

    /// The exponent of the form d.ddd times ten to the power of it.
    fn exponent(&self) -> i32 {
        self.point - 1
    }

    /// Go's `%f` with the shortest precision: never an exponent.
    fn fixed(&self) -> String {
        let mut text = String::from(if self.negative { "-" } else { "" });
        let digits = self.digits.iter().map(|digit| char::from(*digit));
        let Ok(whole) = usize::try_from(self.point) else {
            text.push_str("0.");
            text.extend(std::iter::repeat_n('0', self.point.unsigned_abs() as usize));
            text.extend(digits);
            return text;
        };
        if whole == 0 {
            text.push('0');
        }
        text.extend(digits.clone().chain(std::iter::repeat('0')).take(whole));
        if self.digits.len() > whole {
            text.push('.');
            text.extend(digits.skip(whole));
        }
        text
    }

    /// Go's `%e` with the shortest precision and at least `width` digits of exponent.
    fn scientific(&self, width: usize) -> String {
        let mut text = String::from(if self.negative { "-" } else { "" });
        for (index, digit) in self.digits.iter().enumerate() {
            if index == 1 {
                text.push('.');
            }
            text.push(char::from(*digit));
        }
        let exponent = self.exponent();
        let sign = if exponent < 0 { '-' } else { '+' };
        // Writing to a String cannot fail.
        let _ = write!(text, "e{sign}{:0width$}", exponent.unsigned_abs());
        text
    }
}

/// The text of a number in the MAC and in `ENC[…,type:float]`: shortest digits, never an exponent; `+Inf`,
/// `-Inf` and `NaN` (Go `FormatFloat(x, 'f', -1, 64)`).
#[must_use]
pub fn plain(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    Decimal::of(value).fixed()
}

/// The text of a number in JSON, as Go's `encoding/json` prints it; `None` for what JSON has no number for.
#[must_use]
pub fn json(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let decimal = Decimal::of(value);
    let tiny_or_huge = value != 0.0 && (value.abs() < 1e-6 || value.abs() >= 1e21);
    Some(if tiny_or_huge { decimal.scientific(1) } else { decimal.fixed() })
}

/// The text of a number in YAML, as yaml.v3 prints it (Go `FormatFloat(x, 'g', -1, 64)`, `.inf`, `.nan`).
#[must_use]
pub fn yaml(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let decimal = Decimal::of(value);
    if (-4..6).contains(&decimal.exponent()) { decimal.fixed() } else { decimal.scientific(2) }
}

/// Reads a decimal number as Go's `strconv.Atoi` does: an optional sign and digits, nothing else.
///
/// # Errors
/// [`Invalid`].
pub fn parse_int(text: &[u8]) -> Result<i64, Invalid> {
    parse_int_radix(text, 10)
}

/// Reads a number of the given base (2 to 16) with an optional sign, as Go's `strconv.ParseInt` does.
///
/// # Errors
/// [`Invalid`].
pub fn parse_int_radix(text: &[u8], radix: u32) -> Result<i64, Invalid> {
    let (negative, digits) = split_sign(text);
    let magnitude = i128::from(magnitude(digits, radix)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).map_err(|_| Invalid::Range)
}

/// Reads a Go integer literal, as `strconv.ParseInt` and then `ParseUint` do with base 0: `0x`, `0b`, `0o`,
/// a leading `0` for octal. `_` must have been taken out before.
///
/// # Errors
/// [`Invalid`].
pub fn parse_int_literal(text: &[u8]) -> Result<Integer, Invalid> {
    let (negative, unsigned) = split_sign(text);
    let signed = unsigned.len() != text.len();
    let (radix, digits) = match unsigned {
        [b'0', b'x' | b'X', digits @ ..] if !digits.is_empty() => (16, digits),
        [b'0', b'b' | b'B', digits @ ..] if !digits.is_empty() => (2, digits),
        [b'0', b'o' | b'O', digits @ ..] if !digits.is_empty() => (8, digits),
        [b'0'] => return Ok(Integer::Signed(0)),
        [b'0', digits @ ..] => (8, digits),
        digits => (10, digits),
    };
    let magnitude = magnitude(digits, radix)?;
    let value = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
    match i64::try_from(value) {
        Ok(value) => Ok(Integer::Signed(value)),
        Err(_) if signed => Err(Invalid::Range),
        Err(_) => Ok(Integer::Unsigned(magnitude)),
    }
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

fn magnitude(digits: &[u8], radix: u32) -> Result<u64, Invalid> {
    if digits.is_empty() {
        return Err(Invalid::Syntax);
    }
    let mut value = Some(0u64);
    for digit in digits {
        let digit = char::from(*digit).to_digit(radix).ok_or(Invalid::Syntax)?;
        value = value.and_then(|value| value.checked_mul(radix.into())?.checked_add(digit.into()));
    }
    value.ok_or(Invalid::Range)
}

/// Reads a number as Go's `strconv.ParseFloat` does: decimal with or without exponent, hexadecimal with one
/// (`0x1.8p3`), `inf`, `infinity` and `nan` in any case, `_` between digits.
///
/// # Errors
/// [`Invalid`]; a number that is too large is `Range`.
pub fn parse_float(text: &[u8]) -> Result<f64, Invalid> {
    if text.eq_ignore_ascii_case(b"nan") {
        return Ok(f64::NAN);
    }
    let (negative, unsigned) = split_sign(text);
    if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
        return Ok(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let hexadecimal = matches!(unsigned, [b'0', b'x' | b'X', _, ..]);
    if unsigned.contains(&b'_') && !underscores_separate_digits(unsigned) {
        return Err(Invalid::Syntax);
    }
    let digits: Vec<u8> = unsigned.iter().copied().filter(|byte| *byte != b'_').collect();
    let value = if hexadecimal { hexadecimal_float(&digits[2..])? } else { decimal_float(&digits)? };
    if value.is_infinite() {
        return Err(Invalid::Range);
    }
    Ok(if negative { -value } else { value })
}

/// Go's rule for `_` in literals: only between digits, or between the base prefix and a digit.
fn underscores_separate_digits(unsigned: &[u8]) -> bool {
    let prefix = matches!(unsigned, [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..]);
    let hexadecimal = matches!(unsigned, [b'0', b'x' | b'X', ..]);
    let mut after_digit = prefix;
    let mut after_underscore = false;
    for byte in &unsigned[if prefix { 2 } else { 0 }..] {
        let digit = byte.is_ascii_digit() || (hexadecimal && byte.is_ascii_hexdigit());
        if (*byte == b'_' && !after_digit) || (*byte != b'_' && after_underscore && !digit) {
            return false;
        }
        after_underscore = *byte == b'_';
        after_digit = digit;
    }
    !after_underscore
}

/// `digits[.digits][e[sign]digits]` with at least one digit in the mantissa: the grammar that Rust shares
/// with Go once words and signs are gone.
fn decimal_float(text: &[u8]) -> Result<f64, Invalid> {
    if !text.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return Err(Invalid::Syntax);
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Invalid::Syntax)
}

/// The part of a hexadecimal number behind `0x`: `digits[.digits]p[sign]digits`.
fn hexadecimal_float(text: &[u8]) -> Result<f64, Invalid> {
    let split = text.iter().position(|byte| matches!(byte, b'p' | b'P')).ok_or(Invalid::Syntax)?;
    let (significand, exponent) = (&text[..split], &text[split + 1..]);
    let mut mantissa = 0u64;
    let mut binary_exponent = 0i64;
    let (mut seen_digit, mut seen_point) = (false, false);
    for byte in significand {
        if *byte == b'.' {
            if seen_point {
                return Err(Invalid::Syntax);
            }
            seen_point = true;
            continue;
        }
        let digit = u64::from(char::from(*byte).to_digit(16).ok_or(Invalid::Syntax)?);
        seen_digit = true;
        if mantissa >> 59 == 0 {
            mantissa = mantissa << 4 | digit;
            binary_exponent -= if seen_point { 4 } else { 0 };
        } else {
            // Beyond 60 bits only "is there anything at all" counts, for the rounding.
            mantissa |= u64::from(digit != 0);
            binary_exponent += if seen_point { 0 } else { 4 };
        }
    }
    let (negative, digits) = split_sign(exponent);
    if !seen_digit || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Invalid::Syntax);
    }
    // Go stops counting there too.
    let magnitude = i64::try_from(magnitude(digits, 10).unwrap_or(u64::MAX)).unwrap_or(i64::MAX).min(1 << 40);
    Ok(scale(mantissa, binary_exponent + if negative { -magnitude } else { magnitude }))
}

/// `mantissa` times two to the power of `exponent`, rounded once, to even.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // both ends are compared before
fn scale(mantissa: u64, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let width = 64 - i64::from(mantissa.leading_zeros());
    let top = exponent + width; // value is in [2^(top-1), 2^top)
    if top > 1024 {
        return f64::INFINITY;
    }
    // Bits that a double has at this magnitude: 53, fewer for subnormals.
    let kept = (top + 1074).min(53);
    if kept < 0 {
        return 0.0;
    }
    let wide = u128::from(mantissa) << 64;
    let shift = (width + 64 - kept) as u32;
    let (quotient, remainder) = (wide >> shift, wide & ((1u128 << shift) - 1));
    let half = 1u128 << (shift - 1);
    let up = remainder > half || (remainder == half && quotient & 1 == 1);
    let rounded = quotient as u64 + u64::from(up);
    // `rounded` counts units of 2^(top - kept): as bits, a carry runs into the exponent field by itself.
    if kept < 53 {
        return f64::from_bits(rounded);
    }
    let biased = (top - 1 + 1023) as u64;
    f64::from_bits(((biased - 1) << 52) + rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_never_has_an_exponent() {
        for (value, text) in [
            (1.0, "1"),
            (0.000_000_15, "0.00000015"),
            (1e20, "100000000000000000000"),
            (-0.0, "-0"),
            (0.0, "0"),
            (1.5, "1.5"),
            (-123.456, "-123.456"),
            (5e-324, &format!("0.{}5", "0".repeat(323))),
            (0.1, "0.1"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(plain(value), text);
        }
    }

    #[test]
    fn ties_between_shortest_decimals_go_as_in_go() {
        // 2^50 + 1/4: Rust prints …624.3; Go takes the even digit.
        let power = 2_f64.powi(50);
        assert_eq!(plain(power + 0.25), "1125899906842624.2");
        assert_eq!(plain(power + 0.75), "1125899906842624.8");
    }

    #[test]
    fn json_switches_to_exponents_at_the_ends() {
        for (value, text) in [
            (1.0, "1"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-10, "1.5e-10"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (-0.0, "-0"),
            (1.25e300, "1.25e+300"),
        ] {
            assert_eq!(json(value).as_deref(), Some(text));
        }
        assert_eq!(json(f64::NAN), None);
        assert_eq!(json(f64::INFINITY), None);
    }

    #[test]
    fn yaml_uses_gos_general_form() {
        for (value, text) in [
            (1.0, "1"),
            (0.5, "0.5"),
            (1000.0, "1000"),
            (123_456.0, "123456"),
            (1e6, "1e+06"),
            (1_234_567.895e2, "1.234567895e+08"),
            (1.5e-7, "1.5e-07"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e100, "1e+100"),
            (-0.0, "-0"),
            (f64::INFINITY, ".inf"),
            (f64::NEG_INFINITY, "-.inf"),
            (f64::NAN, ".nan"),
        ] {
            assert_eq!(yaml(value), text);
        }
    }

    #[test]
    fn integers_are_read_as_atoi_does() {
        assert_eq!(parse_int(b"007"), Ok(7));
        assert_eq!(parse_int(b"+5"), Ok(5));
        assert_eq!(parse_int(b"-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(parse_int(b"9223372036854775808"), Err(Invalid::Range));
        assert_eq!(parse_int(&[b'9'; 100]), Err(Invalid::Range));
        for text in [&b""[..], b"-", b"+-1", b"1_0", b"0x1", b" 1", b"1 ", b"1.0", b"\xff"] {
            assert_eq!(parse_int(text), Err(Invalid::Syntax));
        }
    }

    #[test]
    fn literals_know_their_base() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("0x1F", 31),
            ("-0x1f", -31),
            ("0o17", 15),
            ("0777", 511),
            ("0b101", 5),
            ("+12", 12),
            ("00", 0),
        ] {
            assert_eq!(parse_int_literal(text.as_bytes()), Ok(Integer::Signed(value)), "{text}");
        }
        assert_eq!(parse_int_literal(b"9223372036854775808"), Ok(Integer::Unsigned(1 << 63)));
        assert_eq!(parse_int_literal(b"+9223372036854775808"), Err(Invalid::Range));
        assert_eq!(parse_int_literal(b"18446744073709551616"), Err(Invalid::Range));
        for text in ["", "0x", "08", "0b2", "0xg", "--1", "1e3", "0b-1"] {
            assert_eq!(parse_int_literal(text.as_bytes()), Err(Invalid::Syntax), "{text}");
        }
        assert_eq!(parse_int_radix(b"-101", 2), Ok(-5));
    }

    #[test]
    fn floats_are_read_as_parse_float_does() {
        for (text, value) in [
            ("1e3", 1000.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("+1.5E-2", 0.015),
            ("1_0.5_0", 10.5),
            ("0x1p-2", 0.25),
            ("0x1.8p3", 12.0),
            ("0X_1_0.8P+1_0", 16896.0),
            ("-0x1p-1074", -5e-324),
            ("0x1p-1075", 0.0),
            ("0x1.8p-1075", 5e-324),
            ("0x1.fffffffffffffp1023", f64::MAX),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000080000000000000001p0", 1.0 + f64::EPSILON),
            ("0x0.8p0", 0.5),
            ("0x0p999999999999999999999", 0.0),
            ("Inf", f64::INFINITY),
            ("-infinity", f64::NEG_INFINITY),
            ("-0", -0.0),
        ] {
            assert_eq!(parse_float(text.as_bytes()).map(f64::to_bits), Ok(value.to_bits()), "{text}");
        }
        assert!(parse_float(b"nAn").is_ok_and(f64::is_nan));
        for text in ["1e999", "-1e999", "0x1p1024", "0x1.fffffffffffff8p1023", "0x1p99999999999999999999"] {
            assert_eq!(parse_float(text.as_bytes()), Err(Invalid::Range), "{text}");
        }
        let bad = "|.|e1|1e|1e+|--1|+-1|0x|0x1|0xp1|0x1.2.3p1|0x1p|0x1pz|1..2|1e1.5|_1|1_|1__0|1_.5|1._5|1e_1|1e1_|\
                   -nan|infin|0x1_p1|0b1|é|1 ";
        for text in bad.split('|') {
            assert_eq!(parse_float(text.as_bytes()), Err(Invalid::Syntax), "{text}");
        }
    }

    #[test]
    fn hexadecimal_and_decimal_agree() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(state ^ state >> 29);
            if !value.is_finite() {
                continue;
            }
            assert_eq!(parse_float(plain(value).as_bytes()).map(f64::to_bits), Ok(value.to_bits()));
            let bits = value.to_bits();
            let (field, fraction) = (bits >> 52 & 0x7ff, bits & ((1 << 52) - 1));
            let exponent = i64::try_from(field.max(1)).unwrap() - 1075;
            let mantissa = fraction | if field == 0 { 0 } else { 1 << 52 };
            let sign = if value.is_sign_negative() { "-" } else { "" };
            let text = format!("{sign}0x{mantissa:x}p{exponent}");
            assert_eq!(parse_float(text.as_bytes()).map(f64::to_bits), Ok(bits), "{text}");
        }
    }
}
