package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/trailverdict/trailverdict"
)

// layers are the packages from the bottom up. A package may import those of
// lower layers alone, and every package has its place here. A trailing slash
// stands for the packages beneath a folder.
var layers = [][]string{
	{"internal/incident", "internal/jsonscan", "internal/schema", "internal/cost", "internal/localaws", "internal/backoff", "internal/archive"},
	{"internal/schema/schematest", "internal/lineage", "internal/interval", "internal/interval/streams", "internal/eventpattern", "internal/aws/ddb"},
	{"internal/policy", "internal/logline", "internal/routing", "internal/localaws/account"},
	{"internal/trail", "internal/correlate", "internal/check", "internal/render", "internal/config", "internal/telemetry"},
	{"internal/store", "internal/rules", "internal/config/file", "internal/render/page", "internal/render/rendertest"},
	{"internal/detect", "internal/doctor", "internal/explain", "internal/intake", "internal/report", "internal/store/filing"},
	{"internal/investigate", "internal/notify", "internal/reporting", "internal/settle", "internal/aws/canary", "internal/aws/inspect"},
	{"internal/aws/lookup"},
	{"internal/store/storetest", "internal/store/bolt", "internal/notify/notifytest", "internal/scenario", "internal/replay", "internal/aws/"},
	{"internal/archtest", "internal/eval", "events"},
	{"internal/eval/accuracy", "cmd/trailverdict", "functions/", "infra", "docs/snippets"},
}

// forTests are libraries that tests alone import.
var forTests = []string{"internal/schema/schematest", "internal/render/rendertest", "internal/store/storetest", "internal/notify/notifytest", "internal/interval/streams", "internal/localaws", "internal/localaws/account"}

// pure packages turn values into values, which makes a verdict reproducible:
// the same events, settings and time give the same bytes.
var pure = []string{
	"internal/incident", "internal/jsonscan", "internal/lineage", "internal/interval", "internal/policy",
	"internal/logline", "internal/routing", "internal/trail", "internal/correlate", "internal/check", "internal/render", "internal/render/page", "internal/cost",
	"internal/doctor", "internal/explain", "internal/schema",
}

// impure are the packages and calls that a pure package must not use.
var (
	impureImports = []string{"os", "net", "net/http", "net/rpc", "net/smtp", "log", "log/slog", "context", "syscall", "os/exec", "os/signal", "os/user", "math/rand", "math/rand/v2", "crypto/rand", "unsafe"}
	impureCalls   = []string{"time.Now", "time.Since", "time.Until", "time.After", "time.Tick", "time.NewTimer", "time.NewTicker", "time.Sleep", "time.AfterFunc", "fmt.Print", "fmt.Printf", "fmt.Println"}
)

// file is a parsed Go file of the tree.
type file struct {
	path string // from the root, with slashes
	pkg  string // its folder
	test bool
	ast  *ast.File
	fset *token.FileSet
}

func (f file) imports() []string {
	var list []string
	for _, spec := range f.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			list = append(list, p)
		}
	}
	return list
}

// calls are the functions of other packages that f names, such as "time.Now",
// by the import path's last element, and the built-in and own functions that it
// calls, such as "panic".
func (f file) calls() map[string]token.Pos {
	names := map[string]string{} // local name -> last element of the import path
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		local := path.Base(p)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		names[local] = path.Base(p)
	}
	found := map[string]token.Pos{}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && names[x.Name] != "" {
				found[names[x.Name]+"."+n.Sel.Name] = n.Pos()
			}
		case *ast.CallExpr:
			if fn, ok := n.Fun.(*ast.Ident); ok {
				found[fn.Name] = n.Pos()
			}
		}
		return true
	})
	return found
}

func sources(t *testing.T) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "build" || base == "node_modules") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(base, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		files = append(files, file{rel, path.Dir(rel), strings.HasSuffix(base, "_test.go"), parsed, fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("%d Go files found, which cannot be all", len(files))
	}
	return files
}

func layerOf(pkg string) int {
	return slices.IndexFunc(layers, func(layer []string) bool {
		return slices.ContainsFunc(layer, func(name string) bool {
			return name == pkg || strings.HasSuffix(name, "/") && strings.HasPrefix(pkg, name)
		})
	})
}

// A rule looks at one file, which is no test, and says what it breaks.
type rule struct {
	why   string
	check func(file) []string
}

var rules = map[string]rule{
	"imports point down": {
		why: "the vocabulary lies at the bottom and wiring at the top, so that a part can be read, tested and replaced without those above it",
		check: func(f file) []string {
			own := layerOf(f.pkg)
			if own < 0 {
				return []string{"is in no layer: say in archtest where " + f.pkg + " belongs"}
			}
			var broken []string
			for _, imp := range f.imports() {
				pkg, ok := strings.CutPrefix(imp, module+"/")
				if ok && layerOf(pkg) >= own {
					broken = append(broken, "imports "+pkg+", which is not below it")
				}
			}
			return broken
		},
	},
	"the vocabulary imports time alone": {
		why:   "everything imports internal/incident, and would import what it imports",
		check: only("internal/incident", "time"),
	},
	"pure packages do no input or output": {
		why: "a verdict is a function of a set: no clock, no environment, no network, no chance",
		check: func(f file) []string {
			if !slices.Contains(pure, f.pkg) {
				return nil
			}
			broken := imported(f, func(p string) bool { return slices.Contains(impureImports, p) })
			return append(broken, called(f, impureCalls...)...)
		},
	},
	"AWS stays outside": {
		why: "the command line decides without credentials, which only the commands that ask an account take, and a Lambda links only the services that it calls",
		check: func(f file) []string {
			if strings.HasPrefix(f.pkg, "internal/aws/") || strings.HasPrefix(f.pkg, "functions/") || f.pkg == "infra" || f.pkg == "docs/snippets" {
				return nil
			}
			return imported(f, func(p string) bool { return strings.HasPrefix(p, "github.com/aws/") })
		},
	},
	"only main ends the program": {
		why: "whoever calls a function decides what its failure means",
		check: func(f file) []string {
			if strings.HasSuffix(f.path, "/main.go") {
				return nil
			}
			return called(f, "os.Exit", "log.Fatal", "log.Fatalf", "log.Fatalln", "panic")
		},
	},
	"nothing runs before main": {
		why:   "what a package does at start is paid for by all who link it, and cannot be tested",
		check: initFunctions,
	},
	"libraries for tests stay in tests": {
		why: "users link what the program needs, and no more",
		check: func(f file) []string {
			if slices.Contains(forTests, f.pkg) {
				return nil
			}
			return imported(f, func(p string) bool {
				return slices.Contains(forTests, strings.TrimPrefix(p, module+"/")) || p == "testing" || strings.HasPrefix(p, "testing/") || strings.HasPrefix(p, "pgregory.net/rapid") ||
					strings.HasPrefix(p, "github.com/google/go-cmp") || strings.HasPrefix(p, "github.com/rogpeppe/go-internal/testscript") ||
					strings.HasPrefix(p, "go.uber.org/goleak")
			})
		},
	},
	"storage formats stay with their stores": {
		why:   "the vocabulary has no tags: renaming a field must not rename a user's data",
		check: noTags("internal/incident"),
	},
}

func only(pkg string, allowed ...string) func(file) []string {
	return func(f file) []string {
		if f.pkg != pkg {
			return nil
		}
		return imported(f, func(p string) bool { return !slices.Contains(allowed, p) })
	}
}

func imported(f file, bad func(string) bool) []string {
	var broken []string
	for _, imp := range f.imports() {
		if bad(imp) {
			broken = append(broken, "imports "+imp)
		}
	}
	return broken
}

func called(f file, names ...string) []string {
	var broken []string
	found := f.calls()
	for _, name := range names {
		if pos, ok := found[name]; ok {
			broken = append(broken, fmt.Sprintf("uses %s in line %d", name, f.fset.Position(pos).Line))
		}
	}
	return broken
}

func initFunctions(f file) []string {
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			return []string{"has an init function"}
		}
	}
	return nil
}

func noTags(pkg string) func(file) []string {
	return func(f file) []string {
		var broken []string
		if f.pkg != pkg {
			return nil
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok && field.Tag != nil {
				broken = append(broken, "has the tag "+field.Tag.Value)
			}
			return true
		})
		return broken
	}
}

func TestArchitecture(t *testing.T) {
	files := sources(t)
	for name, r := range rules {
		t.Run(name, func(t *testing.T) {
			for _, f := range files {
				if f.test {
					continue
				}
				for _, broken := range r.check(f) {
					t.Errorf("%s %s: %s", f.path, broken, r.why)
				}
			}
		})
	}
}

// TestRulesCanBeBroken gives each rule a file that breaks it.
func TestRulesCanBeBroken(t *testing.T) {
	for name, test := range map[string]struct{ path, source string }{
		"imports point down":                     {"internal/trail/x.go", `import _ "` + module + `/internal/detect"`},
		"the vocabulary imports time alone":      {"internal/incident/x.go", `import _ "strings"`},
		"pure packages do no input or output":    {"internal/correlate/x.go", "import clock \"time\"\nvar x = clock.Now"},
		"AWS stays outside":                      {"internal/replay/x.go", `import _ "github.com/aws/aws-sdk-go-v2/aws"`},
		"only main ends the program":             {"internal/replay/x.go", "func x() { panic(1) }"},
		"nothing runs before main":               {"internal/replay/x.go", "func init() {}"},
		"libraries for tests stay in tests":      {"internal/replay/x.go", `import _ "pgregory.net/rapid"`},
		"storage formats stay with their stores": {"internal/incident/x.go", "type x struct { A int `json:\"a\"` }"},
	} {
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, test.path, "package x\n"+test.source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		r, ok := rules[name]
		if !ok {
			t.Fatalf("there is no rule %q", name)
		}
		if broken := r.check(file{path: test.path, pkg: path.Dir(test.path), ast: parsed, fset: fset}); len(broken) == 0 {
			t.Errorf("rule %q does not see what is wrong with %q", name, test.source)
		}
	}
	if len(rules) != 8 {
		t.Errorf("there are %d rules, and 8 are tried here", len(rules))
	}
}
