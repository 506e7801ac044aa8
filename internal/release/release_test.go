package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/testkit/extent"
	build "github.com/ssmbak/ssmbak/internal/testkit/program"
	"github.com/ssmbak/ssmbak/internal/version"
)

const (
	number   = "v1.2.3"
	revision = "0123456789abcdef0123456789abcdef01234567"
	date     = "2024-06-13T20:10:54Z"
)

// TestRelease completes the same programs twice, and checks that the files are the same, and
// each kind of file. With SSMBAK_REQUIRE_PACKAGES it also makes packages, and installs them
// into empty directories.
func TestRelease(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("releases are made on Linux")
	}
	if !extent.Long() {
		t.Skip("builds the programs of a release: set SSMBAK_LONG=1")
	}
	var formats []string
	switch _, err := exec.LookPath("dpkg-deb"); {
	case os.Getenv("SSMBAK_REQUIRE_PACKAGES") == "":
	case err != nil:
		t.Fatal("dpkg-deb is not installed: apt-get install dpkg")
	default:
		formats = []string{"deb", "rpm"}
	}
	stamps := version.Stamps(number) + " " + strings.NewReplacer(".stamped=", ".stampedRevision=", number, revision).Replace(version.Stamps(number)) +
		" " + strings.NewReplacer(".stamped=", ".stampedDate=", number, date).Replace(version.Stamps(number))
	built := make(map[string]string)
	for _, name := range []string{"ssmbak", "ssmbak-stack"} {
		built[name] = build.Build(t, name, "-ldflags", stamps)
	}
	t.Chdir("../..")
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
	var dirs [2]string
	for i := range dirs {
		dirs[i] = t.TempDir()
		for name, path := range built {
			body, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dirs[i], name+"-linux-"+runtime.GOARCH), body, 0o755))
		}
		r, err := newRelease(dirs[i], number, date)
		must(t, err)
		must(t, r.complete(t.Context(), formats, key))
	}
	files, err := os.ReadDir(dirs[0])
	must(t, err)
	if len(files) < 8 {
		t.Errorf("the release has %d files: %v", len(files), files)
	}
	for _, f := range files {
		if a, b := read(t, dirs[0], f.Name()), read(t, dirs[1], f.Name()); !bytes.Equal(a, b) {
			t.Errorf("%s has different bytes the second time", f.Name())
		}
	}
	t.Run("sums", func(t *testing.T) { checkSums(t, dirs[0]) })
	t.Run("signature", func(t *testing.T) { checkSignature(t, dirs[0], private.Public()) })
	t.Run("container", func(t *testing.T) { checkContainer(t, dirs[0]) })
	t.Run("bill", func(t *testing.T) { checkBill(t, dirs[0]) })
	t.Run("notices", func(t *testing.T) { checkNotices(t, dirs[0]) })
	t.Run("packages", func(t *testing.T) {
		if formats == nil {
			t.Skip("makes no package without SSMBAK_REQUIRE_PACKAGES=1, since that downloads nfpm")
		}
		t.Run("deb", func(t *testing.T) { checkDeb(t, filepath.Join(dirs[0], "ssmbak-linux-"+runtime.GOARCH+".deb")) })
		t.Run("rpm", func(t *testing.T) { checkRPM(t, filepath.Join(dirs[0], "ssmbak-linux-"+runtime.GOARCH+".rpm")) })
	})
}

func checkSums(t *testing.T, dir string) {
	cmd := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", sums)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, want := range []string{"THIRD-PARTY-NOTICES", "ssmbak.cdx.json", "Containerfile", "ca-certificates.crt", "ssmbak-linux-" + runtime.GOARCH + ".tar.gz"} {
		if !bytes.Contains(read(t, dir, sums), []byte("  "+want+"\n")) {
			t.Errorf("there is no %s", want)
		}
	}
}

func checkSignature(t *testing.T, dir string, public any) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed: apt-get install openssl")
	}
	encoded, err := x509.MarshalPKIXPublicKey(public)
	must(t, err)
	file := filepath.Join(t.TempDir(), "ssmbak.pub")
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded}), 0o600))
	_, line, found := strings.Cut(string(read(t, "docs", "releases.md")), "\n    openssl ")
	if !found {
		t.Fatal("docs/releases.md does not verify the signature")
	}
	line, _, _ = strings.Cut(line, "\n")
	cmd := exec.CommandContext(t.Context(), openssl, strings.Fields(strings.Replace(line, "ssmbak.pub", file, 1))...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	r := &release{dir: dir}
	for _, bad := range []string{"x", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))} {
		if err := r.sign(bad); err == nil || !strings.Contains(err.Error(), "openssl genpkey") {
			t.Errorf("sign with a bad key: %v", err)
		}
	}
}

// checkContainer checks that the image has no base, that all files that it copies are in the
// release, and that its certificates include those that sign AWS's.
// https://www.amazontrust.com/repository/
func checkContainer(t *testing.T, dir string) {
	for line := range strings.Lines(string(read(t, dir, "Containerfile"))) {
		words := strings.Fields(strings.ReplaceAll(line, "${TARGETARCH}", runtime.GOARCH))
		switch {
		case len(words) > 1 && words[0] == "FROM" && words[1] != "scratch":
			t.Errorf("it has a base: %s", line)
		case len(words) > 2 && words[0] == "COPY":
			read(t, dir, words[len(words)-2])
		}
	}
	names := make(map[string]bool)
	for rest := read(t, dir, "ca-certificates.crt"); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		must(t, err)
		names[c.Subject.CommonName] = true
	}
	for i := range 4 {
		if want := fmt.Sprintf("Amazon Root CA %d", i+1); !names[want] {
			t.Errorf("there is no certificate of %s among %d", want, len(names))
		}
	}
}

func checkBill(t *testing.T, dir string) {
	var b bom
	must(t, json.Unmarshal(read(t, dir, "ssmbak.cdx.json"), &b))
	refs := []string{b.Metadata.Component.Ref}
	for _, c := range b.Components {
		refs = append(refs, c.Ref)
	}
	for _, d := range b.Dependencies {
		for _, ref := range append(d.DependsOn, d.Ref) {
			if !slices.Contains(refs, ref) {
				t.Errorf("%s is not a component", ref)
			}
		}
	}
	for _, want := range []string{"file:ssmbak-linux-" + runtime.GOARCH, "pkg:golang/std@" + strings.TrimPrefix(runtime.Version(), "go"), "pkg:golang/golang.org/x/sync@"} {
		if !slices.ContainsFunc(refs, func(ref string) bool { return strings.HasPrefix(ref, want) }) {
			t.Errorf("%s is not a component of %q", want, refs)
		}
	}
	if slices.ContainsFunc(refs, func(ref string) bool { return strings.Contains(ref, "go-cmp") }) {
		t.Error("go-cmp, which only tests use, is a component")
	}
}

// checkNotices checks that the notices name the certificates of the container image, which
// no program links.
func checkNotices(t *testing.T, dir string) {
	text := string(read(t, dir, "THIRD-PARTY-NOTICES"))
	for _, want := range []string{"golang.org/x/crypto/x509roots/fallback v", "ca-certificates.crt in the container image", "https://mozilla.org/MPL/2.0/", "certdata.txt"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q", want)
		}
	}
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(path...))
	must(t, err)
	return body
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
