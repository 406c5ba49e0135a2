//! What a power cut may leave of a directory tree.
//!
//! Owns two states of each file and directory: what is durable, and what has been done since and is not. A power cut keeps any
//! subset of the latter: single 512-byte sectors of writes, single names of directories, in any combination, as the seed says.
//! Pessimistic: real file systems keep some orders that this one does not. Tested at the end of this file.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

/// The unit that is written whole or not at all.
const SECTOR_BYTES: u64 = 512;

/// Which file or directory, whatever it is called by now.
pub(super) type NodeId = usize;

const ROOT: NodeId = 0;

#[derive(Debug)]
enum Node {
    Dir(Dir),
    File(File),
}

#[derive(Debug, Default)]
struct Dir {
    durable: BTreeMap<String, NodeId>,
    current: BTreeMap<String, NodeId>,
    pending: Vec<Change>,
}

/// A change of a directory that is not durable yet.
#[derive(Clone, Debug)]
enum Change {
    Link(String, NodeId),
    Unlink(String),
    Rename(String, String, NodeId),
}

#[derive(Debug, Default)]
struct File {
    durable: Content,
    pending: Vec<(u64, Vec<u8>)>,
    /// Space reserved since the last sync.
    pending_bytes: Option<u64>,
}

/// A sparse file: sectors that are not listed are zero.
#[derive(Clone, Debug, Default)]
struct Content {
    bytes: u64,
    sectors: BTreeMap<u64, [u8; SECTOR_BYTES as usize]>,
}

#[derive(Debug)]
pub(super) struct Model {
    nodes: Vec<Node>,
}

impl Model {
    /// A model in which everything now in `root` is durable.
    pub(super) fn of_directory(root: &Path) -> io::Result<Model> {
        let mut model = Model { nodes: vec![Node::Dir(Dir::default())] };
        model.adopt(ROOT, root)?;
        Ok(model)
    }

    fn adopt(&mut self, dir: NodeId, path: &Path) -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_dir = entry.file_type()?.is_dir();
            let node = if is_dir { Node::Dir(Dir::default()) } else { Node::File(File::of(&entry.path())?) };
            let id = self.add(node);
            let parent = self.dir(dir)?;
            parent.durable.insert(name.clone(), id);
            parent.current.insert(name, id);
            if is_dir {
                self.adopt(id, &entry.path())?;
            }
        }
        Ok(())
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        match self.find(path) {
            Ok(_) => Ok(()),
            Err(_) => self.link_new(path, Node::Dir(Dir::default())).map(drop),
        }
    }

    pub(super) fn create_file(&mut self, path: &Path) -> io::Result<NodeId> {
        self.link_new(path, Node::File(File::default()))
    }

    fn link_new(&mut self, path: &Path, node: Node) -> io::Result<NodeId> {
        let id = self.add(node);
        let (dir, name) = self.parent(path)?;
        dir.current.insert(name.clone(), id);
        dir.pending.push(Change::Link(name, id));
        Ok(id)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (_, new_name) = self.parent(to)?;
        let (dir, old_name) = self.parent(from)?;
        let id = dir.current.remove(&old_name).ok_or(io::ErrorKind::NotFound)?;
        dir.current.insert(new_name.clone(), id);
        dir.pending.push(Change::Rename(old_name, new_name, id));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.parent(path)?;
        dir.current.remove(&name).ok_or(io::ErrorKind::NotFound)?;
        dir.pending.push(Change::Unlink(name));
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let id = self.find(path)?;
        let dir = self.dir(id)?;
        dir.durable = dir.current.clone();
        dir.pending.clear();
        Ok(())
    }

    pub(super) fn reserve(&mut self, file: NodeId, bytes: u64) -> io::Result<()> {
        self.file(file)?.pending_bytes = Some(bytes);
        Ok(())
    }

    pub(super) fn write(&mut self, file: NodeId, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file(file)?.pending.push((offset, bytes.to_vec()));
        Ok(())
    }

    pub(super) fn sync(&mut self, file: NodeId) -> io::Result<()> {
        let file = self.file(file)?;
        let bytes = file.pending_bytes.take();
        file.durable.bytes = file.durable.bytes.max(bytes.unwrap_or(0));
        for (offset, bytes) in std::mem::take(&mut file.pending) {
            file.durable.write(offset, &bytes, |_| true);
        }
        Ok(())
    }

    /// The node that a path leads to now.
    pub(super) fn find(&mut self, path: &Path) -> io::Result<NodeId> {
        let mut id = ROOT;
        for name in names(path) {
            id = *self.dir(id)?.current.get(&name).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(id)
    }

    fn parent(&mut self, path: &Path) -> io::Result<(&mut Dir, String)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
        let id = self.find(path.parent().unwrap_or(Path::new("")))?;
        Ok((self.dir(id)?, name))
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn dir(&mut self, id: NodeId) -> io::Result<&mut Dir> {
        match &mut self.nodes[id] {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn file(&mut self, id: NodeId) -> io::Result<&mut File> {
        match &mut self.nodes[id] {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    /// See [`super::FaultDisk::write_image`].
    pub(super) fn write_image(&self, seed: u64, image: &Path) -> io::Result<()> {
        self.write_node(ROOT, &mut Dice::new(seed), image)
    }

    fn write_node(&self, id: NodeId, dice: &mut Dice, path: &Path) -> io::Result<()> {
        match &self.nodes[id] {
            Node::File(file) => file.survivor(dice).write_to(path),
            Node::Dir(dir) => {
                fs::create_dir_all(path)?;
                for (name, id) in dir.survivor(dice) {
                    self.write_node(id, dice, &path.join(name))?;
                }
                Ok(())
            }
        }
    }
}

fn names(path: &Path) -> Vec<String> {
    let names = path.components().filter(|component| matches!(component, Component::Normal(_)));
    names.map(|component| PathBuf::from(component.as_os_str()).to_string_lossy().into_owned()).collect()
}

impl Dir {
    fn survivor(&self, dice: &mut Dice) -> BTreeMap<String, NodeId> {
        let mut names = self.durable.clone();
        let keep = dice.fate();
        for change in self.pending.iter().filter(|_| dice.keeps(keep)).cloned().collect::<Vec<_>>() {
            match change {
                Change::Link(name, id) => drop(names.insert(name, id)),
                Change::Unlink(name) => drop(names.remove(&name)),
                Change::Rename(from, to, id) => {
                    names.remove(&from);
                    names.insert(to, id);
                }
            }
        }
        names
    }
}

impl File {
    fn of(path: &Path) -> io::Result<File> {
        let bytes = fs::read(path)?;
        let mut durable = Content { bytes: bytes.len() as u64, ..Content::default() };
        durable.write(0, &bytes, |_| true);
        Ok(File { durable, ..File::default() })
    }

    fn survivor(&self, dice: &mut Dice) -> Content {
        let mut content = self.durable.clone();
        let keep = dice.fate();
        if let Some(bytes) = self.pending_bytes.filter(|_| dice.keeps(keep)) {
            content.bytes = content.bytes.max(bytes);
        }
        for (offset, bytes) in &self.pending {
            content.write(*offset, bytes, |_| dice.keeps(keep));
        }
        content
    }
}

impl Content {
    /// Writes those sectors of `bytes` that `keep` says yes to.
    fn write(&mut self, offset: u64, bytes: &[u8], mut keep: impl FnMut(u64) -> bool) {
        let end = offset + bytes.len() as u64;
        let mut at = offset;
        while at < end {
            let sector = at / SECTOR_BYTES;
            let next = end.min((sector + 1) * SECTOR_BYTES);
            if keep(sector) {
                let content = self.sectors.entry(sector).or_insert([0; SECTOR_BYTES as usize]);
                let within = (at % SECTOR_BYTES) as usize;
                let part = &bytes[(at - offset) as usize..(next - offset) as usize];
                content[within..within + part.len()].copy_from_slice(part);
                self.bytes = self.bytes.max(next);
            }
            at = next;
        }
    }

    fn write_to(&self, path: &Path) -> io::Result<()> {
        let file = fs::File::create(path)?;
        file.set_len(self.bytes)?;
        let mut run: (u64, Vec<u8>) = (0, Vec::new());
        for (sector, content) in &self.sectors {
            let at = sector * SECTOR_BYTES;
            if at != run.0 + run.1.len() as u64 {
                file.write_all_at(&run.1, run.0)?;
                run = (at, Vec::new());
            }
            let length = (self.bytes.saturating_sub(at)).min(SECTOR_BYTES) as usize;
            run.1.extend_from_slice(&content[..length]);
        }
        file.write_all_at(&run.1, run.0)
    }
}

/// A small random number generator (SplitMix64): the same seed always gives the same image.
struct Dice {
    state: u64,
}

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice { state: seed }
    }

    fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// How likely what is pending of one node survives, in 256ths: often all or nothing, which are what real disks do most.
    fn fate(&mut self) -> u64 {
        match self.roll() % 4 {
            0 => 0,
            1 => 256,
            _ => self.roll() % 257,
        }
    }

    fn keeps(&mut self, of_256: u64) -> bool {
        self.roll() % 256 < of_256
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Disk, Fault, FaultDisk};
    use std::collections::BTreeSet;
    use std::fs;

    /// What the possible images of a disk look like, as a set of (names, content of `f`).
    fn images(disk: &FaultDisk) -> BTreeSet<(Vec<String>, Option<Vec<u8>>)> {
        (0..200)
            .map(|seed| {
                let image = tempfile::tempdir().unwrap();
                disk.write_image(seed, image.path()).unwrap();
                let mut names: Vec<_> = fs::read_dir(image.path())
                    .unwrap()
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect();
                names.sort();
                (names, fs::read(image.path().join("f")).ok())
            })
            .collect()
    }

    #[test]
    fn only_what_is_synced_is_certain() {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultDisk::new(dir.path()).unwrap();
        let file = disk.create(&dir.path().join("f"), 0).unwrap();
        file.write_at(&[1; 1024], 0).unwrap();
        let names = |images: &BTreeSet<(Vec<String>, Option<Vec<u8>>)>| {
            images.iter().map(|image| image.0.clone()).collect::<BTreeSet<_>>()
        };
        assert_eq!(names(&images(&disk)).len(), 2, "the name is there or not");
        disk.sync_dir(dir.path()).unwrap();
        let torn = images(&disk);
        assert_eq!(names(&torn).len(), 1);
        let lengths: BTreeSet<_> =
            torn.iter().map(|image| image.1.as_ref().unwrap().iter().filter(|byte| **byte == 1).count()).collect();
        assert_eq!(lengths, BTreeSet::from([0, 512, 1024]), "sectors are lost or kept whole");
        file.sync().unwrap();
        assert_eq!(images(&disk), BTreeSet::from([(vec!["f".to_owned()], Some(vec![1; 1024]))]));
    }

    #[test]
    fn a_rename_that_is_not_synced_leaves_one_of_both_names() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("f"), b"x").unwrap();
        let disk = FaultDisk::new(dir.path()).unwrap();
        disk.rename(&dir.path().join("f"), &dir.path().join("g")).unwrap();
        let found: BTreeSet<_> = images(&disk).into_iter().map(|image| image.0).collect();
        assert_eq!(found, BTreeSet::from([vec!["f".to_owned()], vec!["g".to_owned()]]));
    }

    #[test]
    fn faults_strike_at_their_step() {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultDisk::new(dir.path()).unwrap();
        disk.fail_at(2, Fault::Error(std::io::ErrorKind::StorageFull));
        assert_eq!(disk.create(&dir.path().join("f"), 512).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        disk.fail_at(4, Fault::PowerCut);
        disk.sync_dir(dir.path()).unwrap();
        assert!(disk.remove_file(&dir.path().join("f")).is_err());
        assert!(disk.sync_dir(dir.path()).is_err(), "the power stays off");
        assert_eq!(disk.steps(), 5);
        let found: BTreeSet<_> = images(&disk).into_iter().map(|image| image.0).collect();
        assert_eq!(found.len(), 2, "the removal was under way");
    }
}
