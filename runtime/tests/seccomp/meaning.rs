//! What a profile means for a call, in the most obvious way: the judge where libseccomp and we differ. Which of several
//! rules that hold is asked first is not said here, unless one of them has no conditions.

use super::machine::Call;
use super::oracle::{ARCHS, Oracle, X32, X86_64, action, audit};
use serde_json::Value;

/// The rules that hold, each with whether it does for any arguments, and what it makes the filter return.
fn matched(profile: &Value, token: u32, call: &Call, oracle: &mut Oracle) -> Vec<(bool, u32)> {
    assert_eq!(audit(token), call.arch);
    let wide = ARCHS.iter().find(|row| row.1 == token).unwrap().3;
    let mut found = Vec::new();
    for rule in profile["syscalls"].as_array().unwrap() {
        for name in rule["names"].as_array().unwrap() {
            let name = name.as_str().unwrap();
            let args: Vec<&Value> = rule["args"].as_array().unwrap().iter().collect();
            let result = action(rule, "action", "errnoRet");
            if oracle.direct(token, name) == Some(call.number) && holds(&args, call, wide) {
                found.push((is_free(&args, wide), result));
            }
            let Some((number, first)) = oracle.multiplexed(token, name) else {
                continue;
            };
            let rest = |arg: &&Value| arg["index"] != 0;
            // The first argument says which call is meant; a condition on it is lost.
            let holds = match is_twice(&args) {
                false => {
                    let rest: Vec<&Value> = args.into_iter().filter(rest).collect();
                    holds(&rest, call, wide)
                }
                true => {
                    let mut each = args.iter();
                    each.any(|arg| !rest(arg) || holds(&[arg], call, wide))
                }
            };
            if call.number == number && part(call.arguments[0], wide) == first && holds {
                found.push((false, result));
            }
        }
    }
    found
}

/// Whether some alternative asks nothing.
fn is_free(args: &[&Value], wide: bool) -> bool {
    let mut each = args.iter().map(|arg| {
        arg["op"] == "SCMP_CMP_MASKED_EQ" && part(arg["value"].as_u64().unwrap(), wide) == 0
    });
    if is_twice(args) {
        each.any(|free| free)
    } else {
        each.all(|free| free)
    }
}

fn is_twice(args: &[&Value]) -> bool {
    (0..6).any(|index| args.iter().filter(|arg| arg["index"] == index).count() > 1)
}

fn holds(args: &[&Value], call: &Call, wide: bool) -> bool {
    let mut each = args.iter().map(|arg| {
        let (op, value) = (arg["op"].as_str().unwrap(), arg["value"].as_u64().unwrap());
        let argument = part(
            call.arguments[arg["index"].as_u64().unwrap() as usize],
            wide,
        );
        let two = arg["valueTwo"].as_u64().unwrap_or(0);
        let (value, masked) = (part(value, wide), part(two & value, wide));
        match op {
            "SCMP_CMP_NE" => argument != value,
            "SCMP_CMP_LT" => argument < value,
            "SCMP_CMP_LE" => argument <= value,
            "SCMP_CMP_EQ" => argument == value,
            "SCMP_CMP_GE" => argument >= value,
            "SCMP_CMP_GT" => argument > value,
            _ => argument & value == masked,
        }
    });
    if is_twice(args) {
        each.any(|holds| holds)
    } else {
        each.all(|holds| holds)
    }
}

fn part(value: u64, wide: bool) -> u64 {
    if wide { value } else { value & 0xffff_ffff }
}

/// What the filter may return for a call of an architecture, calls aside that are newer than the profile.
pub fn of(
    profile: &Value,
    tokens: &[u32],
    token: u32,
    call: &Call,
    oracle: &mut Oracle,
) -> Vec<u32> {
    let mut token = token;
    if matches!(token, X86_64 | X32) {
        // The number says which of the two it is; -1 is a call that a tracer skips.
        token = if call.number & 1 << 30 == 0 {
            X86_64
        } else {
            X32
        };
        if !tokens.contains(&token) && call.number != u32::MAX {
            return vec![0];
        }
    }
    let default = action(profile, "defaultAction", "defaultErrnoRet");
    let mut found = matched(profile, token, call, oracle);
    // A rule that says what the default says is none.
    found.retain(|rule| rule.1 != default);
    match found.iter().find(|rule| rule.0) {
        Some(rule) => vec![rule.1],
        None if found.is_empty() => vec![default],
        None => found.iter().map(|rule| rule.1).collect(),
    }
}
