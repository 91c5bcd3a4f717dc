package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// What an archive may unpack to.
const (
	maxEntries  = 100_000
	maxUnpacked = 1 << 30
)

// unpack writes a gzipped tar into a directory that it makes. os.Root lets nothing out of it, whatever names and links say
// [archive.form].
func unpack(archive, into string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	if err := os.Mkdir(into, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(into)
	if err != nil {
		return err
	}
	defer root.Close()
	entries, left := tar.NewReader(unzipped), int64(maxUnpacked)
	for range maxEntries {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if left -= header.Size; left < 0 {
			return fmt.Errorf("it unpacks to more than %d bytes", maxUnpacked)
		}
		if err := unpackEntry(root, header, entries); err != nil {
			return fmt.Errorf("%q: %w", header.Name, err)
		}
	}
	return fmt.Errorf("it has more than %d entries", maxEntries)
}

func unpackEntry(root *os.Root, header *tar.Header, content io.Reader) error {
	name := filepath.Clean(filepath.FromSlash(header.Name))
	if !filepath.IsLocal(name) {
		return errors.New("a name that leads out of the archive")
	}
	if header.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, 0o700)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeReg:
		file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600|os.FileMode(header.Mode)&0o100)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content)
		return errors.Join(err, file.Close())
	case tar.TypeSymlink:
		if filepath.IsAbs(header.Linkname) || !filepath.IsLocal(filepath.Join(filepath.Dir(name), header.Linkname)) {
			return errors.New("a link that leads out of the archive")
		}
		return root.Symlink(header.Linkname, name)
	default:
		return errors.New("neither a file, nor a directory, nor a link")
	}
}
