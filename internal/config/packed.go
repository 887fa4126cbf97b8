package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// PackedName is the name of the packed configuration beside a function.
const PackedName = "trailverdict.json"

// packed is a configuration with the digest of its bytes.
type packed struct {
	Version int             `json:"version"`
	SHA256  string          `json:"sha256"`
	Config  json.RawMessage `json:"config"`
}

// Pack writes down a configuration for the functions.
func Pack(c Config) ([]byte, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("pack configuration: %w", err)
	}
	out, err := json.Marshal(packed{Version, digest(body), body})
	if err != nil {
		return nil, fmt.Errorf("pack configuration: %w", err)
	}
	return append(out, '\n'), nil
}

// Unpack reads what Pack wrote, by the same version of the program, and nothing
// else: the checks were made before, so what is read must be what they saw.
func Unpack(data []byte) (Config, error) {
	var p packed
	if err := strictly(data, &p); err != nil {
		return Config{}, err
	}
	switch {
	case p.Version != Version:
		return Config{}, fmt.Errorf("version is %d, and this program knows %d", p.Version, Version)
	case p.SHA256 != digest(p.Config):
		return Config{}, errors.New("sha256 is not that of config: somebody changed it after it was checked")
	}
	var c Config
	if err := strictly(p.Config, &c); err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	return c, nil
}

// strictly decodes one JSON value that has no members but those that are known.
func strictly(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows the value")
	}
	return nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// LoadPacked reads the packed configuration at a path with the given function,
// such as os.ReadFile. Without a path the defaults hold; a path where nothing
// can be read is an error, since somebody has meant something by it.
func LoadPacked(path string, read func(path string) ([]byte, error)) (Config, error) {
	if path == "" {
		return Default(), nil
	}
	data, err := read(path)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	c, err := Unpack(data)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %s: %w; deploy again", path, err)
	}
	return c, nil
}
