//! The tree against the reference tree of Certificate Transparency (RFC 6962) and against the RFC's own definition,
//! written down word for word.

use super::*;
use proptest::prelude::*;

/// Leaves of the reference tree.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Its roots, from one leaf to eight.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const NODE_0_1: &str = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
const LEAF_1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const NODE_2_3: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const NODE_4_7: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const LEAF_4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const NODE_6_7: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const NODE_0_3: &str = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
const NODE_4_5: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";

fn tree_of(leaves: impl IntoIterator<Item = LeafHash>) -> Tree {
    let mut tree = Tree::default();
    leaves.into_iter().for_each(|leaf| tree.push(leaf));
    tree
}

fn hex_of(hashes: Option<Vec<TreeHash>>) -> Vec<String> {
    hashes.unwrap().iter().map(TreeHash::to_string).collect()
}

#[test]
fn the_reference_trees_roots_and_proofs() {
    let tree = tree_of(LEAVES.map(LeafHash::of));
    assert_eq!(Tree::default().root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (n, root) in ROOTS.iter().enumerate() {
        assert_eq!(tree.root_at(n as u64 + 1).unwrap().to_string(), *root, "{} leaves", n + 1);
    }
    assert_eq!(tree.root_at(9), None);
    assert_eq!(hex_of(tree.inclusion(0, 1)), [""; 0]);
    assert_eq!(hex_of(tree.inclusion(0, 8)), [LEAF_1, NODE_2_3, NODE_4_7]);
    assert_eq!(hex_of(tree.inclusion(5, 8)), [LEAF_4, NODE_6_7, NODE_0_3]);
    assert_eq!(hex_of(tree.inclusion(2, 3)), [NODE_0_1]);
    assert_eq!(hex_of(tree.inclusion(1, 5)), [ROOTS[0], NODE_2_3, LEAF_4]);
    assert_eq!(hex_of(tree.consistency(1, 1)), [""; 0]);
    assert_eq!(hex_of(tree.consistency(1, 8)), [LEAF_1, NODE_2_3, NODE_4_7]);
    assert_eq!(hex_of(tree.consistency(6, 8)), [NODE_4_5, NODE_6_7, NODE_0_3]);
    assert_eq!(hex_of(tree.consistency(2, 5)), [NODE_2_3, LEAF_4]);
}

#[test]
fn what_is_not_there_has_no_proof() {
    let tree = tree_of(LEAVES.map(LeafHash::of));
    assert_eq!(tree.inclusion(8, 8), None);
    assert_eq!(tree.inclusion(0, 9), None);
    assert_eq!(tree.inclusion(0, 0), None);
    assert_eq!(tree.consistency(3, 2), None);
    assert_eq!(tree.consistency(3, 9), None);
    assert_eq!(tree.consistency(0, 8), Some(Vec::new()));
}

#[test]
fn base64_has_one_spelling() {
    let hash = TreeHash::empty();
    assert_eq!(TreeHash::from_base64(&hash.base64()), Some(hash));
    for wrong in ["", "47DEQpj8", &format!("{} ", hash.base64()), "not base64 at all, no"] {
        assert_eq!(TreeHash::from_base64(wrong), None, "{wrong}");
    }
}

/// RFC 6962, 2.1: MTH(D[n]).
fn naive_root(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => TreeHash::empty(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            TreeHash::of(&naive_root(left), &naive_root(right))
        }
    }
}

/// RFC 6962, 2.1.1: PATH(m, D[n]).
fn naive_path(m: usize, leaves: &[TreeHash]) -> Vec<TreeHash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let k = naive_split(leaves.len());
    let (left, right) = leaves.split_at(k);
    if m < k {
        [naive_path(m, left), vec![naive_root(right)]].concat()
    } else {
        [naive_path(m - k, right), vec![naive_root(left)]].concat()
    }
}

/// RFC 6962, 2.1.2: SUBPROOF(m, D[n], b).
fn naive_subproof(m: usize, leaves: &[TreeHash], whole: bool) -> Vec<TreeHash> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let k = naive_split(leaves.len());
    let (left, right) = leaves.split_at(k);
    if m <= k {
        [naive_subproof(m, left, whole), vec![naive_root(right)]].concat()
    } else {
        [naive_subproof(m - k, right, false), vec![naive_root(left)]].concat()
    }
}

/// "The largest power of two smaller than n."
fn naive_split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Every root and proof is the RFC's, is accepted by its verifier, and no other is.
    #[test]
    fn agrees_with_the_definition(seed: u64, size in 1_usize..150, one in 0_usize..150, other in 0_usize..150) {
        let leaves: Vec<LeafHash> = (0..size).map(|n| LeafHash::of(format!("{seed} {n}").as_bytes())).collect();
        let hashes: Vec<TreeHash> = leaves.iter().copied().map(TreeHash::from).collect();
        let tree = tree_of(leaves);
        let (index, old) = (one % size, other % (size + 1));
        let root = naive_root(&hashes);
        prop_assert_eq!(tree.root(), root);
        prop_assert_eq!(tree.root_at(old as u64), Some(naive_root(&hashes[..old])));

        let path = tree.inclusion(index as u64, size as u64).unwrap();
        prop_assert_eq!(&path, &naive_path(index, &hashes));
        let included = |leaf, index: usize, path: &[TreeHash], root| {
            verify_inclusion(leaf, index as u64, size as u64, path, root)
        };
        prop_assert!(included(hashes[index], index, &path, root));
        prop_assert!(!included(TreeHash([7; 32]), index, &path, root));
        prop_assert!(!included(hashes[index], index, &path, TreeHash([7; 32])));
        prop_assert!(!included(hashes[index], index, &[path.as_slice(), &[root]].concat(), root));
        if size > 1 {
            prop_assert!(!included(hashes[index], (index + 1) % size, &path, root));
            prop_assert!(!included(hashes[index], index, &path[1..], root));
        }

        let proof = tree.consistency(old as u64, size as u64).unwrap();
        if old > 0 {
            prop_assert_eq!(&proof, &naive_subproof(old, &hashes, true));
        }
        let old_root = naive_root(&hashes[..old]);
        let consistent = |proof: &[TreeHash], old_root, root| {
            verify_consistency(old as u64, size as u64, proof, old_root, root)
        };
        prop_assert!(consistent(&proof, old_root, root));
        prop_assert!(!consistent(&proof, TreeHash([7; 32]), root));
        prop_assert!(!consistent(&[proof.as_slice(), &[root]].concat(), old_root, root));
        if old > 0 {
            prop_assert!(!consistent(&proof, old_root, TreeHash([7; 32])));
        }
        if !proof.is_empty() {
            prop_assert!(!consistent(&proof[1..], old_root, root));
        }
    }

    /// Appending never changes what was: every earlier root stays reachable and proven.
    #[test]
    fn grows_only(sizes in proptest::collection::vec(1_u64..40, 1..6)) {
        let mut tree = Tree::default();
        let mut known = vec![(0, tree.root())];
        for more in sizes {
            for _ in 0..more {
                tree.push(LeafHash::of(&tree.size().to_be_bytes()));
            }
            known.push((tree.size(), tree.root()));
            for (size, root) in &known {
                prop_assert_eq!(tree.root_at(*size), Some(*root));
                let proof = tree.consistency(*size, tree.size()).unwrap();
                prop_assert!(verify_consistency(*size, tree.size(), &proof, *root, tree.root()));
            }
        }
    }
}
