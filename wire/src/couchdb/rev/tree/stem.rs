//! Forgetting ancestors: each leaf keeps its newest generations only.

use super::RevTree;

impl RevTree {
    /// Forgets every node that is not among the newest `revs_limit` generations of some path.
    pub fn stem(&mut self, revs_limit: usize) {
        let revs_limit = revs_limit.max(1);
        if self.nodes.len() <= revs_limit {
            return;
        }
        let keep = self.within(revs_limit);
        if keep.iter().all(|keep| *keep) {
            return;
        }
        let old = std::mem::take(&mut self.nodes);
        let mut moved = Vec::with_capacity(old.len());
        for (mut node, keep) in old.into_iter().zip(keep) {
            moved.push(keep.then_some(self.nodes.len() as u32));
            if keep {
                node.parent = node.parent.and_then(|parent| moved[parent as usize]);
                self.nodes.push(node);
            }
        }
    }

    /// For each node, whether it is among the newest `limit` of a path.
    fn within(&self, limit: usize) -> Vec<bool> {
        // How many of the generations that may still be kept are left at each node; children come after parents, so
        // one pass from the back sees every child first.
        let mut left = vec![0; self.nodes.len()];
        let parents = self.parents();
        left.iter_mut().enumerate().filter(|(at, _)| !parents.has(*at)).for_each(|(_, left)| *left = limit);
        for at in (0..self.nodes.len()).rev() {
            if let Some(parent) = self.parent_of(at) {
                left[parent] = left[parent].max(left[at].saturating_sub(1));
            }
        }
        left.into_iter().map(|left| left > 0).collect()
    }
}
