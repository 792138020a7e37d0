//! In which order containers start: by name, but after those that their annotations name. Pure.

/// One container: its name, and the names of those that it starts after.
pub struct Named<'n> {
    /// Its id.
    pub name: &'n str,
    /// As the annotation has them.
    pub after: &'n [String],
}

/// Places in the list that is returned of those that come before.
pub type Before = Vec<usize>;

/// Sorts what is sorted by name already. Each place of the result has a place of `all` and where those are that it
/// starts after. A name that nobody has, and one of those that wait for each other in a circle, is told and left out.
pub fn sort(all: &[Named<'_>], tell: &mut dyn FnMut(&str, &str, &str)) -> Vec<(usize, Before)> {
    let mut sorted: Vec<(usize, Before)> = Vec::new();
    let mut left: Vec<usize> = (0..all.len()).collect();
    while !left.is_empty() {
        let waits = |one: usize, left: &[usize]| {
            let among = |name: &String| left.iter().any(|other| all[*other].name == name);
            all[one].after.iter().any(among)
        };
        // In a circle the first by name has to begin.
        let next = left.iter().position(|one| !waits(*one, &left)).unwrap_or(0);
        let one = left.remove(next);
        let mut before = Before::new();
        for name in all[one].after {
            match sorted
                .iter()
                .position(|(other, _)| all[*other].name == name)
            {
                Some(place) => before.push(place),
                None if left.iter().any(|other| all[*other].name == name)
                    || name == all[one].name =>
                {
                    tell(all[one].name, name, "they wait for each other");
                }
                None => tell(all[one].name, name, "there is no such container"),
            }
        }
        sorted.push((one, before));
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(all: &[(&str, &[&str])]) -> (String, Vec<String>) {
        let after: Vec<Vec<String>> = all
            .iter()
            .map(|(_, after)| after.iter().map(|name| name.to_string()).collect())
            .collect();
        let named: Vec<Named> = all
            .iter()
            .zip(&after)
            .map(|((name, _), after)| Named { name, after })
            .collect();
        let mut told = Vec::new();
        let sorted = sort(&named, &mut |name, after, why| {
            told.push(format!("{name} {after}: {why}"));
        });
        for (place, (_, before)) in sorted.iter().enumerate() {
            assert!(before.iter().all(|other| *other < place));
        }
        let names: Vec<&str> = sorted.iter().map(|(one, _)| named[*one].name).collect();
        (names.join(" "), told)
    }

    #[test]
    fn by_name_and_after() {
        assert_eq!(sorted(&[]), (String::new(), vec![]));
        assert_eq!(sorted(&[("a", &[]), ("b", &[])]).0, "a b");
        assert_eq!(sorted(&[("a", &["c"]), ("b", &[]), ("c", &[])]).0, "b c a");
        assert_eq!(
            sorted(&[("a", &["c"]), ("b", &["d"]), ("c", &["b"]), ("d", &[])]).0,
            "d b c a"
        );
        assert_eq!(
            sorted(&[("a", &["b", "c"]), ("b", &[]), ("c", &[])]).0,
            "b c a"
        );
    }

    #[test]
    fn nonsense_is_told_and_survived() {
        let (names, told) = sorted(&[("a", &["x"]), ("b", &["b"]), ("c", &["d"]), ("d", &["c"])]);
        assert_eq!(names, "a b c d");
        assert_eq!(
            told,
            [
                "a x: there is no such container",
                "b b: they wait for each other",
                "c d: they wait for each other"
            ]
        );
    }
}
