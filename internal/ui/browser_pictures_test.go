package ui

import (
	"bytes"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"

	"github.com/chromedp/chromedp"
)

// farthest is the distance of pictures that show the same. It allows for other times, which
// move the bars of the strip, and other fonts. The page without its style is farther away.
const farthest = 6

// picture writes a picture of the window with UPDATE=1, and otherwise compares it with that of
// the documents.
func (b *browserTab) picture(name string) {
	b.Helper()
	var got []byte
	b.do(chromedp.CaptureScreenshot(&got))
	path := filepath.Join("..", "..", "docs", "pictures", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			b.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	d := b.distance(got, want)
	if b.Logf("%s differs by %.1f", name, d); d > farthest {
		b.Errorf("%s differs by %.1f of 255 on average: open both, and run the test again with UPDATE=1", name, d)
	}
	const switchOff = `[...document.styleSheets].forEach(s => s.disabled = true)`
	b.do(chromedp.Evaluate(switchOff, nil), chromedp.CaptureScreenshot(&got))
	if bare := b.distance(got, want); bare <= farthest {
		b.Errorf("%s without its style differs by %.1f only", name, bare)
	}
	b.do(chromedp.Reload(), chromedp.WaitReady("main"))
}

// distance returns the average difference of the brightness of two pictures in 24 by 24
// fields, from 0 to 255.
func (b *browserTab) distance(got, want []byte) float64 {
	b.Helper()
	const fields = 24
	var all [2][fields * fields]float64
	for k, text := range [][]byte{got, want} {
		p, err := png.Decode(bytes.NewReader(text))
		if err != nil {
			b.Fatal(err)
		}
		size := p.Bounds().Size()
		for y := range size.Y {
			for x := range size.X {
				field := y*fields/size.Y*fields + x*fields/size.X
				all[k][field] += float64(color.GrayModel.Convert(p.At(x, y)).(color.Gray).Y) / float64(size.X*size.Y) * fields * fields
			}
		}
	}
	sum := 0.0
	for i := range all[0] {
		sum += math.Abs(all[0][i] - all[1][i])
	}
	return sum / (fields * fields)
}
