package browser

import (
	"bytes"
	"cmp"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", "", "write pictures of the page into this folder, with listeners on ports 12000 to 12002")

// shoot writes a picture, if such are wanted.
func (v *tab) shoot(name string) {
	v.t.Helper()
	if *screenshots == "" {
		return
	}
	ctx, cancel := v.limited()
	defer cancel()
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		v.t.Fatal(err)
	}
	small, err := reduce(shot)
	if err != nil {
		v.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), small, 0o644); err != nil {
		v.t.Fatal(err)
	}
}

// reduce leaves a picture the 256 colours that it has most of, which makes a third of it: the others are shades of letters' edges.
func reduce(shot []byte) ([]byte, error) {
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return nil, err
	}
	bounds := picture.Bounds()
	pixels := image.NewRGBA(bounds)
	draw.Draw(pixels, bounds, picture, bounds.Min, draw.Src)
	seen := make(map[color.RGBA]int)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			seen[pixels.RGBAAt(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(seen), func(a, b color.RGBA) int { return cmp.Compare(seen[b], seen[a]) })
	var palette color.Palette
	for _, c := range colours[:min(len(colours), 256)] {
		palette = append(palette, c)
	}
	reduced := image.NewPaletted(bounds, palette)
	draw.Draw(reduced, bounds, pixels, bounds.Min, draw.Src)
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	err = encoder.Encode(&out, reduced)
	return out.Bytes(), err
}

// Who comes late, and does not stay.
var guests = []string{"Hal Abelson", "Gerald Sussman", "Robin Milner", "Dana Scott", "Mary Shaw", "Peter Naur", "Ruth Davis", "Ole Dahl"}

// portray takes pictures of a class in which something has been happening for a while.
func (v *tab) portray(d *daemon, class []*student, here func(i int) bool) {
	v.t.Helper()
	enough, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for i := range 60 {
			if i == 40 {
				close(enough)
			}
			if i%6 == 0 && i/6 < len(guests) {
				guest := d.dial(d.addresses[2], `{"name":"`+guests[i/6]+`","email":"`+strings.ToLower(strings.Fields(guests[i/6])[0])+`@example.org"}`)
				time.AfterFunc(9*time.Second, func() { _ = hangUp(guest) })
			}
			for j, s := range class {
				if here(j) && (i*7+j*3)%11 < 3 {
					s.says(strings.Repeat("x", 20+j*(i%7)))
				}
			}
			<-second.C
		}
	}()
	<-enough
	for _, picture := range []struct {
		name   string
		screen screen
		first  string // runs before
	}{
		{"page-light", projector, `document.getElementById("roll").scrollTop = 0`},
		{"page-dark", projector.inDark(), `document.getElementById("roll").scrollTop = 880`},
		{"page-phone", phone, `showRecipes(false); document.getElementById("roll").scrollTop = 0`},
	} {
		v.turn(picture.screen)
		v.do(picture.first)
		v.await("the rows it stands at", allKnown)
		v.shoot(picture.name)
	}
	<-done
}
