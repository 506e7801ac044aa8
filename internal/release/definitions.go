package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// formula writes the Homebrew formula, for the systems that Homebrew supports.
func (r *release) formula() error {
	sums := make(map[string]string)
	for _, system := range []string{"darwin-arm64", "darwin-amd64", "linux-arm64", "linux-amd64"} {
		body, err := os.ReadFile(filepath.Join(r.dir, "ssmbak-"+system+".tar.gz"))
		if errors.Is(err, os.ErrNotExist) {
			fmt.Fprintf(os.Stderr, "release: no formula, since there is no archive for %s\n", system)
			return nil
		}
		if err != nil {
			return err
		}
		sums[strings.ReplaceAll(system, "-", "_")] = fmt.Sprintf("%x", sha256.Sum256(body))
	}
	t, err := template.ParseFiles("packaging/ssmbak.rb.tmpl")
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, map[string]any{"Version": r.version, "Number": r.number(), "Sums": sums}); err != nil {
		return err
	}
	return r.write("ssmbak.rb", out.Bytes())
}

// container copies the definition of the container image, which is built in the directory
// of the release, and writes the root certificates of that image. It has no base that could
// change: go.sum pins the certificates.
func (r *release) container() error {
	var roots bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue // a file of certificates cannot express it
		}
		if err := pem.Encode(&roots, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return err
		}
	}
	body, err := os.ReadFile("packaging/Containerfile")
	return errors.Join(err, r.write("ca-certificates.crt", roots.Bytes()), r.write("Containerfile", body))
}
