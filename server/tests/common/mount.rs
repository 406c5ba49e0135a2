//! File systems of a test's own; for these the tester has to be root.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A mounted file system; unmounted when dropped.
pub struct Mounted {
    path: PathBuf,
}

/// An empty file system of this size in memory. `None`, with a word about it, where mounting is not allowed.
pub fn tmpfs(path: &Path, bytes: u64) -> Option<Mounted> {
    mount(&["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"], path)
}

/// What is in a directory, read-only. `None`, with a word about it, where mounting is not allowed.
pub fn read_only(path: &Path) -> Option<Mounted> {
    let bound = mount(&["--bind", path.to_str().unwrap()], path)?;
    // The flag of a bind mount is only heard the second time.
    let again = run("mount", &["-o", "remount,bind,ro"], path);
    again.then_some(bound)
}

fn mount(arguments: &[&str], path: &Path) -> Option<Mounted> {
    run("mount", arguments, path).then(|| Mounted { path: path.to_owned() })
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    let output = Command::new(program).args(arguments).arg(path).output();
    let done = output.as_ref().is_ok_and(|output| output.status.success());
    if !done {
        println!("skipped: {program} is not possible here: {output:?}");
    }
    done
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &["--lazy"], &self.path);
        // Its owner could not while something stood on it. One that holds anything stays.
        let _kept = std::fs::remove_dir(&self.path);
    }
}
