//! Checkpoints: what the register held at a moment, in three lines that fit a mail (C2SP `tlog-checkpoint`), signed.
//!
//! ```text
//! ecluse.example.org/register
//! 1234
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — ecluse.example.org/register AAAAAA...
//! ```
//!
//! Origin, number of entries, root of the Merkle tree over them. Whoever has kept one can prove of any later copy of the
//! register that it begins with the same entries, or that it does not: no one with power over the server can undo that.

use super::note::{Note, NoteFault, Signer, VerifyKey};
use super::scan::{Damage, DamageKind, damage};
use super::tree::{Tree, TreeHash};

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which register.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// Root of the tree over them.
    pub root: TreeHash,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.base64())
    }

    /// Signs it; its origin must be the key's name.
    ///
    /// # Errors
    /// When the library fails.
    pub fn sign(&self, signer: &Signer) -> Result<String, NoteFault> {
        signer.sign(&self.text())
    }

    fn of_text(text: &str) -> Result<Self, NoteFault> {
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteFault::Form("a checkpoint has an origin, a size and a root"));
        };
        let number = size.parse().ok().filter(|number: &u64| number.to_string() == size);
        let size = number.ok_or(NoteFault::Form("the second line of a checkpoint is its size"))?;
        let root = TreeHash::from_base64(root).ok_or(NoteFault::Form("the third line of a checkpoint is its root"))?;
        if origin.is_empty() {
            return Err(NoteFault::Form("the first line of a checkpoint is its origin"));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// A checkpoint as it came, with its signatures; not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Where it came from, as said to people.
    pub name: String,
    note: Note,
}

impl SignedCheckpoint {
    /// Reads a checkpoint and nothing else.
    ///
    /// # Errors
    /// When the text is not one.
    pub fn parse(text: &str, name: impl Into<String>) -> Result<Self, NoteFault> {
        let note: Note = text.parse()?;
        Ok(Self { checkpoint: Checkpoint::of_text(&note.text)?, name: name.into(), note })
    }

    /// Finds the checkpoint of this key's register in a text around it, such as a saved mail: blanks around lines, blank
    /// lines and the marks of a quotation do not matter.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(text: &str, key: &VerifyKey, name: impl Into<String>) -> Result<Self, NoteFault> {
        let none = NoteFault::Form("no checkpoint of this register in it");
        let lines: Vec<&str> =
            text.lines().map(|line| line.trim_matches(|c: char| c.is_whitespace() || c == '>')).collect();
        let start = lines.iter().position(|line| *line == key.name()).ok_or_else(|| none.clone())?;
        let rest = &lines[start..];
        let signed = |line: &&str| line.starts_with('\u{2014}');
        let first = rest.iter().position(signed).ok_or_else(|| none.clone())?;
        let count = rest[first..].iter().take_while(|line| signed(line)).count();
        // Whoever copies it off a page or out of a printed document loses or gains blank lines; the one that belongs there
        // is put back, and the signature says whether the words are the signed ones.
        let text = rest[..first].iter().filter(|line| !line.is_empty());
        let parts = text.chain(std::iter::once(&"")).chain(&rest[first..first + count]);
        let whole: String = parts.map(|line| format!("{line}\n")).collect();
        Self::parse(&whole, name)
    }

    /// Whether this key signed it, for the register of its name.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, key: &VerifyKey) -> Result<(), NoteFault> {
        self.note.verify(key)?;
        if self.checkpoint.origin == key.name() {
            Ok(())
        } else {
            Err(NoteFault::Form("the checkpoint is of another register than its key"))
        }
    }
}

/// The first thing that does not fit between checkpoints and a register's tree. `offset` tells where a line begins.
pub(super) fn against(checkpoints: &[SignedCheckpoint], tree: &Tree, offset: impl Fn(u64) -> u64) -> Option<Damage> {
    let mut ordered: Vec<_> = checkpoints.iter().collect();
    ordered.sort_by_key(|known| known.checkpoint.size);
    let mut proven = 0;
    for known in ordered {
        let SignedCheckpoint { checkpoint: Checkpoint { size, root, .. }, name, .. } = known;
        let found = |seq: u64, why: String| Some(damage(seq, offset(seq), DamageKind::Checkpoint, why));
        match tree.root_at(*size) {
            None => {
                let (held, missing) = (tree.size(), size - tree.size());
                let why = format!(
                    "{name} vouches for {size} entries, but there are {held}: {missing} are missing at the end \
                     (rolled back or truncated)"
                );
                return found(held, why);
            }
            Some(same) if same == *root => proven = *size,
            Some(_) if *size == 0 => return found(0, format!("{name} gives an empty register a wrong root")),
            Some(_) => {
                let why = format!(
                    "{name} vouches for other entries: one from {proven} to {} was changed after it was written \
                     (everything before {proven} is proven)",
                    size - 1
                );
                return found(proven, why);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::LeafHash;
    use openssl::pkey::PKey;

    fn signer() -> Signer {
        Signer::new("ecluse.example.org/register", PKey::generate_ed25519().unwrap()).unwrap()
    }

    fn tree(seeds: std::ops::Range<u64>) -> Tree {
        let mut tree = Tree::default();
        seeds.for_each(|seed| tree.push(LeafHash::of(&seed.to_be_bytes())));
        tree
    }

    fn signed(signer: &Signer, size: u64, root: TreeHash) -> SignedCheckpoint {
        let checkpoint = Checkpoint { origin: signer.public().name().to_owned(), size, root };
        SignedCheckpoint::parse(&checkpoint.sign(signer).unwrap(), format!("checkpoint {size}")).unwrap()
    }

    #[test]
    fn a_checkpoint_is_found_in_a_mail_that_quotes_it() {
        let signer = signer();
        let checkpoint = Checkpoint { origin: signer.public().name().to_owned(), size: 7, root: TreeHash([9; 32]) };
        let note = checkpoint.sign(&signer).unwrap();
        assert!(note.starts_with("ecluse.example.org/register\n7\n"));
        let mail = format!("Bonjour,\r\n\r\n{}\r\n\r\nCordialement", note.replace('\n', "\r\n> "));
        let found = SignedCheckpoint::find(&mail, signer.public(), "mail").unwrap();
        assert_eq!(found.checkpoint, checkpoint);
        found.verify(signer.public()).unwrap();
        assert!(SignedCheckpoint::find("Bonjour", signer.public(), "mail").is_err());
        assert!(SignedCheckpoint::find(&note[..40], signer.public(), "mail").is_err());
        let altered = SignedCheckpoint::find(&mail.replace("> 7", "> 8"), signer.public(), "mail").unwrap();
        assert!(matches!(altered.verify(signer.public()), Err(NoteFault::WrongSignature(_))));
    }

    #[test]
    fn one_form_only() {
        let signer = signer();
        let root = TreeHash::empty().base64();
        for text in [
            "a\n".to_owned(),
            format!("a\n01\n{root}\n"),
            format!("a\n-1\n{root}\n"),
            format!("a\n1\n{root}=\n"),
            format!("\n1\n{root}\n"),
            "a\n1\nx\n".to_owned(),
        ] {
            assert!(SignedCheckpoint::parse(&signer.sign(&text).unwrap(), "x").is_err(), "{text:?}");
        }
        // Lines after the third are somebody's extension, and part of what is signed.
        let extended = signer.sign(&format!("{}\n1\n{root}\nmore\n", signer.public().name())).unwrap();
        SignedCheckpoint::parse(&extended, "x").unwrap().verify(signer.public()).unwrap();
        let other_register = signer.sign(&format!("elsewhere\n1\n{root}\n")).unwrap();
        assert!(SignedCheckpoint::parse(&other_register, "x").unwrap().verify(signer.public()).is_err());
    }

    #[test]
    fn fault_12_names_where_a_register_leaves_what_was_vouched_for() {
        let signer = signer();
        let whole = tree(0..20);
        let known: Vec<_> = [0, 4, 9, 20].map(|size| signed(&signer, size, whole.root_at(size).unwrap())).to_vec();
        let offset = |seq: u64| seq * 10;
        assert_eq!(against(&known, &whole, offset), None);
        assert_eq!(against(&known, &tree(0..30), offset), None);
        let short = against(&known, &tree(0..15), offset).unwrap();
        assert_eq!((short.first_bad_seq, short.offset, short.kind), (15, 150, DamageKind::Checkpoint));
        let mut changed = tree(0..6);
        (7..21_u64).for_each(|seed| changed.push(LeafHash::of(&seed.to_be_bytes())));
        let changed = against(&known, &changed, offset).unwrap();
        assert_eq!((changed.first_bad_seq, changed.offset), (4, 40));
        assert!(changed.why.contains("from 4 to 8"), "{}", changed.why);
    }
}
