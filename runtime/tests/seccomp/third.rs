//! seccompiler as a third opinion, for the profiles that it can express: one machine of its three, one action for all rules.

use super::machine::Call;
use super::oracle::Oracle;
use init::plan::Instruction;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Its filter, which returns errno 77 where a rule holds and lets all other calls be made.
pub fn filter(profile: &Value, token: u32, oracle: &mut Oracle) -> Option<Vec<Instruction>> {
    let machine = match token {
        0xc000_003e => TargetArch::x86_64,
        0xc000_00b7 => TargetArch::aarch64,
        0xc000_00f3 => TargetArch::riscv64,
        _ => return None,
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    let mut always = Vec::new();
    for rule in profile["syscalls"].as_array().unwrap() {
        let args = rule["args"].as_array().unwrap();
        let twice = (0..6).any(|at| args.iter().filter(|arg| arg["index"] == at).count() > 1);
        for name in rule["names"].as_array().unwrap() {
            let number = oracle.number(token, name.as_str().unwrap());
            if number < 0 {
                continue;
            }
            let number = i64::from(number);
            let conditions: Vec<SeccompCondition> = args.iter().map(condition).collect();
            let entry = rules.entry(number).or_default();
            match (args.is_empty(), twice) {
                (true, _) => always.push(number),
                (false, false) => entry.push(SeccompRule::new(conditions).unwrap()),
                (false, true) => entry.extend(
                    conditions
                        .into_iter()
                        .map(|condition| SeccompRule::new(vec![condition]).unwrap()),
                ),
            }
        }
    }
    // It takes an empty list for a rule without conditions.
    for number in always {
        rules.insert(number, Vec::new());
    }
    let (other, holds) = (SeccompAction::Allow, SeccompAction::Errno(77));
    let filter = SeccompFilter::new(rules, other, holds, machine).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    let program = program.iter().map(|step| Instruction {
        code: step.code,
        yes: step.jt,
        no: step.jf,
        value: step.k,
    });
    Some(program.collect())
}

fn condition(arg: &Value) -> SeccompCondition {
    let value = arg["value"].as_u64().unwrap();
    let op = match arg["op"].as_str().unwrap() {
        "SCMP_CMP_NE" => SeccompCmpOp::Ne,
        "SCMP_CMP_LT" => SeccompCmpOp::Lt,
        "SCMP_CMP_LE" => SeccompCmpOp::Le,
        "SCMP_CMP_EQ" => SeccompCmpOp::Eq,
        "SCMP_CMP_GE" => SeccompCmpOp::Ge,
        "SCMP_CMP_GT" => SeccompCmpOp::Gt,
        _ => SeccompCmpOp::MaskedEq(value),
    };
    let value = match op {
        SeccompCmpOp::MaskedEq(_) => arg["valueTwo"].as_u64().unwrap(),
        _ => value,
    };
    let index = arg["index"].as_u64().unwrap() as u8;
    SeccompCondition::new(index, SeccompCmpArgLen::Qword, op, value).unwrap()
}

/// Whether it and we mean the same by a call: it doesn't know x32, of which it takes the numbers for unknown ones.
pub fn knows(call: &Call) -> bool {
    call.number < 1 << 30
}
