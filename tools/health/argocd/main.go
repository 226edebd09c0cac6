// Command argocd says how Argo CD reads the health of objects, and what it takes for a hook: its own code, with the customizations of a
// ConfigMap argocd-cm.
//
//	argocd [-strict <file of manifests>] <argocd-cm.yaml>  reads objects as lines of JSON, answers a line of JSON for each
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	appv1 "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync/hook"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

type answer struct {
	Verdict string `json:"verdict"`
	Message string `json:"message"`
	// A hook is never applied with the rest; one of no type is run at no time either.
	Hook  bool     `json:"hook"`
	Times []string `json:"times"`
}

func main() {
	strict := flag.String("strict", "", "manifests: those of kind Application have to be as Argo CD's types say")
	flag.Parse()
	err := applications(*strict)
	if err == nil {
		err = verdicts(flag.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func verdicts(path string) error {
	overrides, err := customizations(path)
	if err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(in.Bytes()); err != nil {
			return err
		}
		// As the application controller does with each object of an application.
		verdict, err := health.GetResourceHealth(object, overrides)
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		said := answer{Verdict: "none"}
		if verdict != nil {
			said = answer{Verdict: string(verdict.Status), Message: verdict.Message}
		}
		said.Hook = hook.IsHook(object)
		for _, time := range hook.Types(object) {
			said.Times = append(said.Times, string(time))
		}
		if err := out.Encode(said); err != nil {
			return err
		}
	}
	return in.Err()
}

// The health scripts of the ConfigMap, by the names that Argo CD has for them: resource.customizations.health.<group>_<kind>.
func customizations(path string) (lua.ResourceHealthOverrides, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := corev1.ConfigMap{}
	if err := yaml.UnmarshalStrict(text, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	overrides := lua.ResourceHealthOverrides{}
	for key, script := range config.Data {
		name, found := strings.CutPrefix(key, "resource.customizations.health.")
		group, kind, both := strings.Cut(name, "_")
		if !found || !both {
			return nil, fmt.Errorf("%s: %s is no health customization of a kind", path, key)
		}
		overrides[group+"/"+kind] = appv1.ResourceOverride{HealthLua: script}
	}
	return overrides, nil
}

func applications(path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		var kind struct{ Kind string }
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if kind.Kind != "Application" {
			continue
		}
		if err := yaml.UnmarshalStrict(document, &appv1.Application{}); err != nil {
			return fmt.Errorf("%s: %w in\n%s", path, err, document)
		}
	}
	return nil
}
