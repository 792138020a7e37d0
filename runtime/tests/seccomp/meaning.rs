//! What a profile means for a call, in the most obvious way: for profiles all of whose rules have the same action, so that
//! their order is of no account. The judge where libseccomp and we differ.

use super::machine::Call;
use super::oracle::{ARCHS, Oracle, X32, X86_64, action, audit};
use serde_json::Value;

/// Whether any rule is about the call. `token` is the architecture that the call is of.
fn matched(profile: &Value, token: u32, call: &Call, oracle: &mut Oracle) -> bool {
    assert_eq!(audit(token), call.arch);
    let wide = ARCHS.iter().find(|row| row.1 == token).unwrap().3;
    profile["syscalls"].as_array().unwrap().iter().any(|rule| {
        rule["names"].as_array().unwrap().iter().any(|name| {
            let name = name.as_str().unwrap();
            let args: Vec<&Value> = rule["args"].as_array().unwrap().iter().collect();
            if oracle.direct(token, name) == Some(call.number) && holds(&args, call, wide) {
                return true;
            }
            let Some((number, first)) = oracle.multiplexed(token, name) else {
                return false;
            };
            let twice = is_twice(&args);
            let rest = |arg: &&Value| arg["index"] != 0;
            // The first argument says which call is meant; a condition on it is lost.
            let holds = match twice {
                false => holds(
                    &args.into_iter().filter(rest).collect::<Vec<_>>(),
                    call,
                    wide,
                ),
                true => args
                    .iter()
                    .any(|arg| !rest(arg) || holds(&[arg], call, wide)),
            };
            call.number == number && part(call.arguments[0], wide) == first && holds
        })
    })
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

/// What the filter has to return for a call of an architecture, calls aside that are newer than the profile.
pub fn of(profile: &Value, tokens: &[u32], token: u32, call: &Call, oracle: &mut Oracle) -> u32 {
    let mut token = token;
    if matches!(token, X86_64 | X32) {
        // The number says which of the two it is; -1 is a call that a tracer skips.
        token = if call.number & 1 << 30 == 0 {
            X86_64
        } else {
            X32
        };
        if !tokens.contains(&token) && call.number != u32::MAX {
            return 0;
        }
    }
    match matched(profile, token, call, oracle) {
        true => action(&profile["syscalls"][0], "action", "errnoRet"),
        false => action(profile, "defaultAction", "defaultErrnoRet"),
    }
}
