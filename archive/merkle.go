package archive

import "crypto/sha256"

// merkle computes the root of a Merkle tree of RFC 6962, section 2.1, from its leaves in
// their order. Its memory is logarithmic in their number. The zero value has no leaf.
type merkle struct{ complete []subtree }

// subtree is a complete tree of a power of two of leaves.
type subtree struct {
	leaves int64
	root   [sha256.Size]byte
}

// hashLeaf returns the hash of a leaf.
func hashLeaf(data []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte{0}, data...))
}

func hashNode(left, right [sha256.Size]byte) [sha256.Size]byte {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// add adds the hash of the next leaf.
func (m *merkle) add(leaf [sha256.Size]byte) {
	last := subtree{1, leaf}
	for n := len(m.complete); n > 0 && m.complete[n-1].leaves == last.leaves; n-- {
		last = subtree{2 * last.leaves, hashNode(m.complete[n-1].root, last.root)}
		m.complete = m.complete[:n-1]
	}
	m.complete = append(m.complete, last)
}

// root returns the root of the leaves so far, the hash of nothing if there is none.
func (m *merkle) root() [sha256.Size]byte {
	if len(m.complete) == 0 {
		return sha256.Sum256(nil)
	}
	root := m.complete[len(m.complete)-1].root
	for n := len(m.complete) - 2; n >= 0; n-- {
		root = hashNode(m.complete[n].root, root)
	}
	return root
}
