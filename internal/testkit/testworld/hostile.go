package testworld

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
)

// HostileIndexes returns the bytes of indexes of a parameter that unpack to about size
// bytes of text: one of as many small objects as possible, one of an unknown field, and
// one of as many empty strings as possible. A few kilobytes of each would take gigabytes
// of memory.
func HostileIndexes(t testing.TB, name string, size int) [][]byte {
	t.Helper()
	head := func(field string) io.Reader {
		return strings.NewReader(fmt.Sprintf(`{"format":1,"name":%q,%s`, name, field))
	}
	return [][]byte{
		Compressed(t, head(`"versions":[`), Repeated("{},", size/3), strings.NewReader("{}]}")),
		Compressed(t, head(`"later":"`), Repeated("x", size), strings.NewReader(`"}`)),
		Compressed(t, head(`"versions":[{"events":[""`), Repeated(`,""`, size/3), strings.NewReader(`]}]}`)),
	}
}

// Compressed returns the gzip of texts.
func Compressed(t testing.TB, texts ...io.Reader) []byte {
	t.Helper()
	var buf bytes.Buffer
	zip, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(zip, io.MultiReader(texts...)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Repeated returns a text n times.
func Repeated(text string, n int) io.Reader {
	return io.LimitReader(&cycle{text: text}, int64(n*len(text)))
}

type cycle struct {
	text string
	at   int
}

func (c *cycle) Read(p []byte) (n int, err error) {
	for n < len(p) {
		k := copy(p[n:], c.text[c.at:])
		n, c.at = n+k, (c.at+k)%len(c.text)
	}
	return n, nil
}
