package file

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/trailverdict/trailverdict/internal/config"
)

// The parser recurses, and its time grows with the square of a mapping's
// keys. These bounds are far beyond any configuration and keep it quick.
const (
	maxSize  = 128 << 10
	maxKeys  = 10_000
	maxDepth = 16 // the format needs four levels
)

// parse is the file's only document. It is nil, with problems reported, if
// there is none that can be read.
func (r *reader) parse(data []byte) ast.Node {
	if !r.isReadable(data) {
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if t, bound := tooMuch(tokens); t != nil {
		r.reportAt(t, "", "%s", bound)
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.reportSyntax(data, err)
		return nil
	}
	return r.onlyDocument(file)
}

// isReadable checks what the parser would not, or not in words that help.
func (r *reader) isReadable(data []byte) bool {
	if len(data) > maxSize {
		r.reportFile("the file has %d bytes; a configuration may have %d", len(data), maxSize)
		return false
	}
	for line, i := 1, 0; i < len(data); {
		c, n := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && n == 1 || c == 0 {
			start := bytes.LastIndexByte(data[:i], '\n') + 1
			r.report(line, utf8.RuneCount(data[start:i])+1, "", "the file is not text in UTF-8")
			return false
		}
		if c == '\n' {
			line++
		}
		i += n
	}
	return true
}

// tooMuch is the token at which the file exceeds one of the bounds, and which.
func tooMuch(tokens token.Tokens) (at *token.Token, bound string) {
	flow, entries, line, keys := 0, 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			entries, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(0, flow-1)
		case token.SequenceEntryType, token.TagType, token.AnchorType:
			entries++
		case token.MappingKeyType:
			entries++
			keys++
		case token.MappingValueType:
			keys++
		}
		if flow+entries > maxDepth || t.Position.IndentNum > 8*maxDepth {
			return t, fmt.Sprintf("lists and mappings are nested more than %d deep", maxDepth)
		}
		if keys > maxKeys {
			return t, fmt.Sprintf("the file has more than %d keys", maxKeys)
		}
	}
	return nil, ""
}

// reportSyntax reports what the parser stumbled over. Tabs get words of their
// own: they look like the spaces that they are not.
func (r *reader) reportSyntax(data []byte, err error) {
	if line := tabbedLine(data); line > 0 {
		r.report(line, 1, "", "the line is indented with a tab; YAML takes spaces only")
		return
	}
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
		r.reportFile("the file is not valid YAML")
		return
	}
	r.reportAt(at.GetToken(), "", "the file is not valid YAML: %s", strings.TrimSpace(at.GetMessage()))
}

// tabbedLine is the number of the first line that is indented with a tab.
func tabbedLine(data []byte) int {
	for i, line := range bytes.Split(data, []byte("\n")) {
		text := bytes.TrimLeft(line, " \t")
		if len(text) > 0 && text[0] != '#' && bytes.IndexByte(line[:len(line)-len(text)], '\t') >= 0 {
			return i + 1
		}
	}
	return 0
}

func (r *reader) onlyDocument(file *ast.File) ast.Node {
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.DirectiveType {
			continue
		}
		if body != nil {
			r.reportAt(start(doc.Body), "", "a second document begins here; a configuration is one document")
			return nil
		}
		body = doc.Body
	}
	if body == nil {
		r.reportFile("the file is empty; begin it with \"version: %d\", or leave the file out", config.Version)
	}
	return body
}

func (r *reader) report(line, column int, path, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Column: column, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (r *reader) reportAt(t *token.Token, path, format string, args ...any) {
	r.report(t.Position.Line, t.Position.Column, path, format, args...)
}

func (r *reader) reportFile(format string, args ...any) { r.report(0, 0, "", format, args...) }
