// Package code provides the zip of the stack's functions: embedded in the program,
// built from source, or read from a file.
//
// Builds are reproducible, so the digest of a zip identifies its source.
package code

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

//go:embed all:zips
var zips embed.FS

// Architectures are the architectures of Lambda.
var Architectures = []string{"arm64", "x86_64"}

// goarch maps architectures of Lambda to those of Go.
var goarch = map[string]string{"arm64": "arm64", "x86_64": "amd64"}

// Zip is a deployment package for Lambda.
type Zip struct {
	Bytes        []byte
	SHA256       string // of Bytes, in hexadecimal
	Architecture string // one of [Architectures]
}

// FileError reports why a file cannot be the functions' zip.
type FileError struct{ Path, Why string }

func (e *FileError) Error() string { return fmt.Sprintf("%s %s", e.Path, e.Why) }

// NotFoundError reports that no zip is embedded, and why none could be built.
type NotFoundError struct {
	Architecture string
	Err          error
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("this ssmbak-stack contains no functions for %s and cannot build them: %v", e.Architecture, e.Err)
}

func (e *NotFoundError) Unwrap() error { return e.Err }

// Find returns the embedded zip or, if there is none, builds one. The error is a
// [*NotFoundError] if that fails.
func Find(ctx context.Context, architecture, version string) (Zip, error) {
	if z, ok := embedded(architecture); ok {
		return z, nil
	}
	z, err := Build(ctx, architecture, version, ".")
	if err != nil && ctx.Err() == nil {
		return Zip{}, &NotFoundError{architecture, err}
	}
	return z, err
}

func embedded(architecture string) (Zip, bool) {
	body, err := zips.ReadFile("zips/" + architecture + ".zip")
	if err != nil {
		return Zip{}, false
	}
	z, err := Check(architecture+".zip", body)
	return z, err == nil && z.Architecture == architecture
}

// MaxZip is Lambda's limit for the size of the unpacked zip, in bytes.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const MaxZip = 250 << 20

// File reads a zip and checks that Lambda can run it. The error is a
// [*FileError] if it cannot.
func File(path string) (Zip, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Zip{}, &FileError{path, "does not exist"}
	case err != nil:
		return Zip{}, fmt.Errorf("read the functions' zip: %w", err)
	case info.IsDir():
		return Zip{}, &FileError{path, "is a directory, and must be a zip"}
	case info.Size() > MaxZip:
		return Zip{}, &FileError{path, "exceeds the size limit of Lambda"}
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return Zip{}, fmt.Errorf("read the functions' zip: %w", err)
	}
	return Check(path, body)
}

// Check checks that Lambda can run the contents of a zip. The error is a [*FileError] with
// the path if it cannot.
func Check(path string, body []byte) (Zip, error) {
	r, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return Zip{}, &FileError{path, "is not a zip"}
	}
	for _, f := range r.File {
		if f.Name != entry {
			continue
		}
		switch {
		case !f.Mode().IsRegular() || f.Mode().Perm()&0o111 == 0:
			return Zip{}, &FileError{path, "has a bootstrap that is not executable"}
		case f.UncompressedSize64 > MaxZip:
			return Zip{}, &FileError{path, "exceeds the size limit of Lambda"}
		}
		in, err := f.Open()
		if err != nil {
			return Zip{}, &FileError{path, "is damaged: " + err.Error()}
		}
		defer in.Close()
		program, err := io.ReadAll(io.LimitReader(in, MaxZip+1))
		if err != nil {
			return Zip{}, &FileError{path, "is damaged: " + err.Error()}
		}
		return describe(path, body, program)
	}
	return Zip{}, &FileError{path, "has no bootstrap at its root: build it with `make dist`"}
}

// describe returns a zip with the architecture of its program.
func describe(path string, body, program []byte) (Zip, error) {
	e, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return Zip{}, &FileError{path, "has a bootstrap that is not a Linux program"}
	}
	defer func() { _ = e.Close() }()
	sum := sha256.Sum256(body)
	z := Zip{Bytes: body, SHA256: hex.EncodeToString(sum[:])}
	switch e.Machine {
	case elf.EM_AARCH64:
		z.Architecture = "arm64"
	case elf.EM_X86_64:
		z.Architecture = "x86_64"
	default:
		return Zip{}, &FileError{path, fmt.Sprintf("has a bootstrap for %s, but Lambda supports only arm64 and x86_64", e.Machine)}
	}
	return z, nil
}

// entry is the name of the program in the zip.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html
const entry = "bootstrap"

// pack returns a zip with a program as its only entry, executable by all users. The
// time of the entry is constant, so that the zip is reproducible.
func pack(program []byte) ([]byte, error) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: entry, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	h.SetMode(0o755)
	out, err := w.CreateHeader(h)
	if err != nil {
		return nil, fmt.Errorf("pack the functions: %w", err)
	}
	if _, err := out.Write(program); err != nil {
		return nil, fmt.Errorf("pack the functions: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack the functions: %w", err)
	}
	return buf.Bytes(), nil
}

// oneLine joins the lines of a text.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
