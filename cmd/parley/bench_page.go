package main

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"parley/client"
	"parley/protocol"
)

//go:embed bench_page.html
var benchPage string

var benchTemplate = template.Must(template.New("bench").Parse(benchPage))

// A page is what bench_page.html shows.
type page struct {
	Result      *client.LoadResult
	Address     string // printable
	First       string // the first error, empty: none
	Rows        []pageRow
	Percentiles []float64 // the columns of Rows between avg and max
	Curves      *curves   // nil: nothing was measured
	Version     string
	When        string
}

// A pageRow is a line of the table: a name and its figures.
type pageRow struct {
	Name    string
	Count   int64
	Figures []string
}

var pagePercentiles = []float64{50, 90, 99, 99.9, 99.99}

// writePage writes a result as a page that needs nothing else. The file is there as a whole or not at all.
func writePage(path string, result *client.LoadResult, when time.Time) (err error) {
	p := page{
		Result: result, Address: protocol.Printable(result.Load.Address.String(), true),
		Curves: newCurves(result), Percentiles: pagePercentiles, Version: thisBuild().version, When: when.Format(time.RFC1123),
	}
	if result.First != nil {
		p.First = result.First.Error()
	}
	for _, row := range result.Rows() {
		figures := []string{milliseconds(row.Mean())}
		for _, percentile := range pagePercentiles {
			figures = append(figures, milliseconds(row.Percentile(percentile)))
		}
		p.Rows = append(p.Rows, pageRow{row.Name, row.Count(), append(figures, milliseconds(row.Max()))})
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	if err := errors.Join(benchTemplate.Execute(file, p), file.Chmod(pageMode), file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(file.Name(), path)
}

// checkPage returns why a page could not be written, before anything has been measured in vain.
func checkPage(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return errors.New("that is a folder, and the page is to be a file")
	}
	folder := filepath.Dir(path)
	file, err := os.CreateTemp(folder, filepath.Base(path)+".*")
	if err != nil {
		if sys, ok := errors.AsType[*fs.PathError](err); ok {
			err = sys.Err
		}
		return fmt.Errorf("the folder %s: %w", folder, err)
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// pageMode lets others read the page, as a file that a shell writes.
const pageMode = 0o644

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.3f", float64(d)/float64(time.Millisecond))
}
