package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// checkDeb installs a package for Debian into an empty directory and runs what it installed.
func checkDeb(t *testing.T, deb string) {
	if about := run(t, t.TempDir(), "dpkg-deb", "--info", deb); !strings.Contains(about, "Version: 1.2.3\n") {
		t.Errorf("wrong version in\n%s", about)
	}
	root := t.TempDir()
	run(t, root, "dpkg-deb", "--extract", deb, root)
	checkInstalled(t, root, "usr/share/zsh/vendor-completions", "usr/share/doc/ssmbak/copyright")
	if files := run(t, root, "dpkg-deb", "--contents", deb); strings.Contains(files, "site-functions") || !strings.Contains(files, "-rwxr-xr-x root/root") {
		t.Errorf("wrong files:\n%s", files)
	}
}

// checkRPM installs a package for Fedora into an empty directory and runs what it installed.
func checkRPM(t *testing.T, rpm string) {
	root := t.TempDir()
	tags := extractRPM(t, rpm, root)
	for tag, want := range map[uint32]string{1000: "ssmbak", 1001: "1.2.3", 1014: "MIT", 1022: map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]} {
		if tags[tag] != want {
			t.Errorf("tag %d is %q, want %q", tag, tags[tag], want)
		}
	}
	checkInstalled(t, root, "usr/share/zsh/site-functions", "usr/share/licenses/ssmbak/THIRD-PARTY-NOTICES")
	for _, path := range []string{"usr/share/zsh/vendor-completions", "usr/share/doc/ssmbak/copyright"} {
		if _, err := os.Stat(filepath.Join(root, path)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is Debian's: %v", path, err)
		}
	}
}

// run runs a program with little more than a home directory, and returns its output.
func run(t *testing.T, home, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "MANPAGER=cat", "MANWIDTH=100", "LC_ALL=C.UTF-8"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// checkInstalled runs what a package installed below root.
func checkInstalled(t *testing.T, root, zsh, notices string) {
	t.Helper()
	contains := func(text, want string) {
		t.Helper()
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, name := range []string{"ssmbak", "ssmbak-stack"} {
		printed := run(t, root, filepath.Join(root, "usr/bin", name), "--version")
		contains(printed, name+" v1.2.3 (revision "+revision+" of "+date+"), archive format ")
		contains(run(t, root, "man", "-l", filepath.Join(root, "usr/share/man/man1", name+".1.gz")), "SYNOPSIS")
		run(t, root, "bash", "-n", filepath.Join(root, "usr/share/bash-completion/completions", name))
		for _, path := range []string{"usr/share/fish/vendor_completions.d/" + name + ".fish", filepath.Join(zsh, "_"+name)} {
			contains(string(read(t, root, path)), name)
		}
	}
	contains(run(t, root, filepath.Join(root, "usr/bin/ssmbak"), "demo"), "ssmbak restore")
	contains(run(t, root, "man", "-l", filepath.Join(root, "usr/share/man/man1/ssmbak-log.1.gz")), "ssmbak log NAME|PATH [flags]")
	contains(string(read(t, root, notices)), "github.com/aws/smithy-go")
	pages, _ := filepath.Glob(root + "/usr/share/man/man1/*.1.gz")
	if len(pages) < 30 {
		t.Errorf("there are %d man pages", len(pages))
	}
}

// extractRPM extracts the files of a package below root, and returns its tags that are one
// string, by number. The programs of RPM are rarely installed on Debian.
// https://rpm-software-management.github.io/rpm/manual/format_v4.html
func extractRPM(t *testing.T, path, root string) map[uint32]string {
	t.Helper()
	body := read(t, path)[96:] // without the lead
	_, signatures := rpmHeader(t, body)
	tags, size := rpmHeader(t, body[(signatures+7)/8*8:])
	if tags[1124] != "cpio" || tags[1125] != "gzip" {
		t.Fatalf("the payload is %s of %s", tags[1125], tags[1124])
	}
	payload, err := gzip.NewReader(bytes.NewReader(body[(signatures+7)/8*8+size:]))
	must(t, err)
	archive, err := io.ReadAll(payload)
	must(t, err)
	// Each file is a header of hexadecimal fields, its name and its contents, the latter two
	// aligned to 4 bytes: https://man.freebsd.org/cgi/man.cgi?query=cpio&sektion=5
	for at := 0; ; {
		field := func(i int) int {
			n, err := strconv.ParseUint(string(archive[at+6+8*i:at+14+8*i]), 16, 32)
			must(t, err)
			return int(n)
		}
		if magic := string(archive[at : at+6]); magic != "070701" {
			t.Fatalf("unknown file header %q", magic)
		}
		mode, length, named := os.FileMode(field(1)), field(6), field(11)
		name := string(archive[at+110 : at+110+named-1])
		at = (at + 110 + named + 3) / 4 * 4
		if name == "TRAILER!!!" {
			return tags
		}
		if kind := mode >> 12; kind == 0o10 { // a regular file
			file := filepath.Join(root, name)
			must(t, os.MkdirAll(filepath.Dir(file), 0o755))
			must(t, os.WriteFile(file, archive[at:at+length], mode&0o777))
		}
		at = (at + length + 3) / 4 * 4
	}
}

// rpmHeader reads the tags of a header, and returns the size of the header.
func rpmHeader(t *testing.T, body []byte) (tags map[uint32]string, size int) {
	t.Helper()
	if !bytes.HasPrefix(body, []byte{0x8e, 0xad, 0xe8, 1}) {
		t.Fatalf("no header: % x", body[:4])
	}
	count, bytesOfStore := int(binary.BigEndian.Uint32(body[8:])), int(binary.BigEndian.Uint32(body[12:]))
	store := body[16+16*count:][:bytesOfStore]
	tags = make(map[uint32]string)
	for i := range count {
		entry := body[16+16*i:]
		kind, offset := binary.BigEndian.Uint32(entry[4:]), binary.BigEndian.Uint32(entry[8:])
		if kind == 6 || kind == 9 { // a string, or one per language
			text, _, _ := bytes.Cut(store[offset:], []byte{0})
			tags[binary.BigEndian.Uint32(entry)] = string(text)
		}
	}
	return tags, 16 + 16*count + bytesOfStore
}
