//! In which order containers start: by name, but after those that their annotations name. Pure.

/// One container.
pub trait Named {
    /// Its id.
    fn name(&self) -> &[u8];
    /// The ids of those that it starts after, with blanks or commas between them.
    fn after(&self) -> &[u8];
}

/// The ids in such a text.
fn ids(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ids = text.split(|byte| b" ,".contains(byte));
    ids.filter(|id| !id.is_empty())
}

/// Puts what is sorted by name into its order.
pub fn sort<T: Named>(all: &mut [T]) {
    for place in 0..all.len() {
        let (_, left) = all.split_at_mut(place);
        let waits =
            |one: &T| ids(one.after()).any(|id| left.iter().any(|other| other.name() == id));
        // In a circle the first by name has to begin.
        let next = left.iter().position(|one| !waits(one)).unwrap_or(0);
        // The others stay in their order.
        left[..=next].rotate_right(1);
    }
}

/// Hands over the places of those that the one at `place` starts after. A name that nobody has, and those who wait
/// for each other in a circle, are told instead.
pub fn before<T: Named>(
    all: &[T],
    place: usize,
    take: &mut dyn FnMut(usize),
    tell: &mut dyn FnMut(&[u8], &str),
) {
    for id in all
        .get(place)
        .map(|one| ids(one.after()))
        .into_iter()
        .flatten()
    {
        match all.iter().position(|other| other.name() == id) {
            Some(other) if other < place => take(other),
            Some(_) => tell(id, "they wait for each other"),
            None => tell(id, "there is no such container"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Named for (&str, &str) {
        fn name(&self) -> &[u8] {
            self.0.as_bytes()
        }
        fn after(&self) -> &[u8] {
            self.1.as_bytes()
        }
    }

    fn sorted(all: &[(&str, &str)]) -> (String, Vec<String>) {
        let mut all = all.to_vec();
        sort(&mut all);
        let mut told = Vec::new();
        for (place, one) in all.iter().enumerate() {
            let mut tell = |id: &[u8], why: &str| {
                told.push(format!("{} {}: {why}", one.0, String::from_utf8_lossy(id)));
            };
            before(&all, place, &mut |other| assert!(other < place), &mut tell);
        }
        let names: Vec<&str> = all.iter().map(|one| one.0).collect();
        (names.join(" "), told)
    }

    #[test]
    fn by_name_and_after() {
        assert_eq!(sorted(&[]), (String::new(), vec![]));
        assert_eq!(sorted(&[("a", ""), ("b", " ,")]).0, "a b");
        assert_eq!(sorted(&[("a", "c"), ("b", ""), ("c", "")]).0, "b c a");
        assert_eq!(
            sorted(&[("a", "c"), ("b", "d"), ("c", "b"), ("d", "")]).0,
            "d b c a"
        );
        assert_eq!(sorted(&[("a", "b,c"), ("b", ""), ("c", "")]).0, "b c a");
        assert_eq!(
            sorted(&[("a", "d"), ("b", "a"), ("c", "a"), ("d", "")]).0,
            "d a b c"
        );
    }

    #[test]
    fn nonsense_is_told_and_survived() {
        let (names, told) = sorted(&[("a", "x"), ("b", "b"), ("c", "d"), ("d", "c")]);
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
