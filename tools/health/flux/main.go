// Command flux says how kstatus reads the status of objects, and how Flux does with the health checks of a Kustomization: their own code.
//
//	flux <kustomization.yaml>  reads objects as lines of JSON, answers a line of JSON for each
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

type answer struct {
	Kstatus string `json:"kstatus"`
	Message string `json:"message"`
	Flux    string `json:"flux"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: flux <kustomization.yaml>")
		os.Exit(2)
	}
	if err := verdicts(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func verdicts(path string) error {
	checks, err := checks(path)
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
		result, err := status.Compute(object)
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		said := answer{Kstatus: result.Status.String(), Message: result.Message, Flux: result.Status.String()}
		// Where a Kustomization has expressions for a kind, Flux asks them and not kstatus.
		if check, found := checks[object.GroupVersionKind().GroupKind()]; found {
			own, err := check.Evaluate(context.Background(), object)
			if err != nil {
				return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
			}
			said.Flux = own.Status.String()
		}
		if err := out.Encode(said); err != nil {
			return err
		}
	}
	return in.Err()
}

func checks(path string) (map[schema.GroupKind]*cel.StatusEvaluator, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	kustomization := kustomizev1.Kustomization{}
	if err := yaml.UnmarshalStrict(text, &kustomization); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	evaluators := map[schema.GroupKind]*cel.StatusEvaluator{}
	for _, check := range kustomization.Spec.HealthCheckExprs {
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, check.Kind, err)
		}
		evaluators[schema.FromAPIVersionAndKind(check.APIVersion, check.Kind).GroupKind()] = evaluator
	}
	return evaluators, nil
}
