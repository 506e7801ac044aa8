package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	sums      = "SHA256SUMS"
	signature = sums + ".sig"
)

// sums writes the SHA-256 of each file, as sha256sum does.
func (r *release) sums() error {
	files, err := os.ReadDir(r.dir)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, f := range files {
		if f.Name() == sums || f.Name() == signature {
			continue
		}
		body, err := os.ReadFile(filepath.Join(r.dir, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%x  %s\n", sha256.Sum256(body), f.Name())
	}
	return r.write(sums, out.Bytes())
}

// sign writes the signature of the checksums, which `openssl pkeyutl -verify -rawin`
// verifies. Without a key it only says so.
func (r *release) sign(key string) error {
	if key == "" {
		fmt.Fprintln(os.Stderr, "release: not signed, since SSMBAK_SIGNING_KEY is not set")
		return nil
	}
	block, _ := pem.Decode([]byte(key))
	if block == nil {
		return errors.New("SSMBAK_SIGNING_KEY is not a key in PEM: make one with `openssl genpkey -algorithm ed25519`")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return errors.New("SSMBAK_SIGNING_KEY is not an Ed25519 key: make one with `openssl genpkey -algorithm ed25519`")
	}
	text, err := os.ReadFile(filepath.Join(r.dir, sums))
	if err != nil {
		return err
	}
	return r.write(signature, ed25519.Sign(private, text))
}
