//! What can go wrong: malformed input, a question outside the tree, or a proof or signature that fails.

use core::fmt;

use crate::node::NodeId;
use crate::position::{LeafIndex, TreeSize};

/// Why a value was refused or a verification failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is not in the format it claims to be. Fix the input.
    #[error("malformed {format}, line {line}: {flaw}")]
    Malformed {
        /// What was being read.
        format: Format,
        /// Line the flaw is on, counted from 1 (1 for formats of one line or of bytes).
        line: usize,
        /// What is wrong there.
        flaw: Flaw,
    },
    /// The leaf asked for is not in a tree of that size.
    #[error("leaf {index} is outside a tree of {size} leaves")]
    LeafOutsideTree {
        /// The leaf asked for.
        index: LeafIndex,
        /// The tree's size.
        size: TreeSize,
    },
    /// Leaves that are proved together come in ascending order, none twice.
    #[error("leaf {index} does not come after the one before it")]
    LeavesUnordered {
        /// The leaf that is out of order.
        index: LeafIndex,
    },
    /// The node asked for does not lie wholly in a tree of that size.
    #[error("node {} of level {} does not lie wholly in a tree of {size} leaves", node.index, node.level)]
    NodeOutsideTree {
        /// The node asked for.
        node: NodeId,
        /// The tree's size.
        size: TreeSize,
    },
    /// A consistency proof leads from a smaller tree to a larger one (or one as large).
    #[error("a tree of {old} leaves is not an earlier state of a tree of {new} leaves")]
    SizesReversed {
        /// Size of the supposedly earlier tree.
        old: TreeSize,
        /// Size of the supposedly later tree.
        new: TreeSize,
    },
    /// A perfect subtree can only be appended where the tree's size is a multiple of the subtree's.
    #[error("a subtree of 2^{height} leaves cannot be appended to a tree of {size} leaves")]
    SubtreeMisplaced {
        /// Height of the subtree.
        height: u8,
        /// Size of the tree.
        size: TreeSize,
    },
    /// The tree would hold more leaves than 64 bits count.
    #[error("the tree is full")]
    TreeFull,
    /// A stored tile or set of hashes has not the number of hashes its position asks for.
    #[error("expected {expected} hashes, found {found}")]
    HashCount {
        /// Number of hashes the position asks for.
        expected: usize,
        /// Number of hashes there were.
        found: usize,
    },
    /// The proof has not the number of hashes that the index and sizes ask for.
    #[error("the proof holds {found} hashes where the sizes ask for {expected}")]
    ProofLength {
        /// Number of hashes the index and sizes ask for.
        expected: usize,
        /// Number of hashes in the proof.
        found: usize,
    },
    /// The proof does not lead to the root: the leaf, the position, the proof or the root is not genuine.
    #[error("the proof does not lead to the root hash")]
    RootMismatch,
    /// A signature by a known key is wrong: the text or the signature was altered.
    #[error("the signature of {name} does not fit the text")]
    BadSignature {
        /// Name of the key that is said to have signed.
        name: String,
    },
    /// No signature is by a known key.
    #[error("not signed by any known key")]
    UnknownSigner,
    /// The checkpoint is another log's.
    #[error("checkpoint of log {found}, expected {expected}")]
    OtherLog {
        /// Origin that was expected.
        expected: String,
        /// Origin that the checkpoint states.
        found: String,
    },
}

/// The formats this crate reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Base64 of one hash.
    Hash,
    /// Decimal of one leaf's index.
    LeafIndex,
    /// Resource path of a tile or entry bundle.
    TilePath,
    /// Bytes of a tile.
    Tile,
    /// Bytes of an entry bundle.
    EntryBundle,
    /// Signed note.
    Note,
    /// Text encoding of a verifier key.
    VerifierKey,
    /// Text encoding of a signer key.
    SignerKey,
    /// Checkpoint text.
    Checkpoint,
    /// Proof file.
    TlogProof,
}

/// What is wrong with a malformed input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// Not UTF-8.
    Utf8,
    /// Holds a control character other than newline.
    ControlCharacter,
    /// The text ends where more was due.
    Truncated,
    /// More follows where the text should end.
    TrailingData,
    /// The first line is not the format's own.
    Header,
    /// The line does not have the parts it should have.
    Structure,
    /// Not canonical base64.
    Base64,
    /// Not a decimal in range without leading zeroes.
    Decimal,
    /// The wrong number of bytes.
    Length,
    /// A key name is empty, or holds a space, a plus sign or a line break.
    KeyName,
    /// The key id is not that of the name and key.
    KeyId,
    /// An algorithm this crate does not implement.
    Algorithm,
    /// Not a valid public key.
    PublicKey,
    /// An empty line where text is due.
    EmptyLine,
    /// Too many signatures.
    TooManySignatures,
}

impl Error {
    pub(crate) const fn malformed(format: Format, line: usize, flaw: Flaw) -> Self {
        Self::Malformed { format, line, flaw }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hash => "hash",
            Self::LeafIndex => "leaf index",
            Self::TilePath => "tile path",
            Self::Tile => "tile",
            Self::EntryBundle => "entry bundle",
            Self::Note => "signed note",
            Self::VerifierKey => "verifier key",
            Self::SignerKey => "signer key",
            Self::Checkpoint => "checkpoint",
            Self::TlogProof => "tlog-proof",
        })
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "not UTF-8",
            Self::ControlCharacter => "a control character",
            Self::Truncated => "ends too early",
            Self::TrailingData => "more follows where it should end",
            Self::Header => "not the format's first line",
            Self::Structure => "the line does not have the parts it should have",
            Self::Base64 => "not canonical base64",
            Self::Decimal => "not a decimal in range without leading zeroes",
            Self::Length => "the wrong number of bytes",
            Self::KeyName => "a key name is not empty and has no spaces, line breaks or plus signs",
            Self::KeyId => "the key id is not that of the name and key",
            Self::Algorithm => "an algorithm that is not supported",
            Self::PublicKey => "not a valid public key",
            Self::EmptyLine => "an empty line where text is due",
            Self::TooManySignatures => "too many signatures",
        })
    }
}
