//! Which connection is checked, drained or stalled, and when each is begun. Pure functions.

/// What is done with a connection once it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Decoded and checked.
    Checked,
    /// Received and discarded, bytes counted.
    Drained,
    /// Never read.
    Stalled,
}

/// The role of each connection: both minorities are spread evenly, so that they are early and late, on every shard.
pub(crate) fn assign(connections: usize, checked: usize, stalled: usize) -> Vec<Role> {
    let mut roles = vec![Role::Drained; connections];
    spread(&mut roles, checked, Role::Checked);
    spread(&mut roles, stalled, Role::Stalled);
    roles
}

/// Gives `role` to `count` of the drained connections, evenly spaced among these.
fn spread(roles: &mut [Role], count: usize, role: Role) {
    let free: Vec<usize> = (0..roles.len()).filter(|index| roles[*index] == Role::Drained).collect();
    for nth in 0..count.min(free.len()) {
        roles[free[nth * free.len() / count]] = role;
    }
}

/// How many of `asked` connections should have been begun `elapsed_s` seconds after the start.
pub(crate) fn begun_by(elapsed_s: f64, ramp_per_s: Option<f64>, asked: usize) -> usize {
    match ramp_per_s {
        None => asked,
        // A float cast saturates, so that any rate is meaningful.
        Some(rate) => asked.min(((elapsed_s * rate) as usize).saturating_add(1)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn minorities_are_spread() {
        use Role::{Checked as C, Drained as D, Stalled as S};
        assert_eq!(assign(8, 2, 2), [C, S, D, D, C, S, D, D]);
        assert_eq!(assign(3, 3, 0), [C, C, C]);
        assert_eq!(assign(2, 0, 1), [S, D]);
    }

    #[test]
    fn ramp() {
        let table = [
            (0.0, None, 5),
            (0.0, Some(10.0), 1),
            (0.1, Some(10.0), 2),
            (0.39, Some(10.0), 4),
            (9.0, Some(10.0), 5),
            (1.0, Some(f64::INFINITY), 5),
        ];
        for (elapsed_s, rate, expected) in table {
            assert_eq!(begun_by(elapsed_s, rate, 5), expected, "{elapsed_s} {rate:?}");
        }
    }

    proptest! {
        #[test]
        fn everyone_has_one_role(connections in 0usize..200, a in 0usize..200, b in 0usize..200) {
            let checked = a.min(connections);
            let stalled = b.min(connections - checked);
            let roles = assign(connections, checked, stalled);
            let count = |role| roles.iter().filter(|r| **r == role).count();
            prop_assert_eq!(count(Role::Checked), checked);
            prop_assert_eq!(count(Role::Stalled), stalled);
            prop_assert_eq!(count(Role::Drained), connections - checked - stalled);
        }
    }
}
