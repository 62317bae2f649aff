"""Reads each document of a folder with PyPI's prov and rdflib, warnings as errors, and says how many were equal.

For every NAME.json: the PROV-JSON document, equal after a round trip through PROV-JSON and PROV-XML, and equal to
NAME.provn and NAME.xml; NAME.trig and NAME.jsonld are one RDF data set.
"""
import json
import pathlib
import sys
import warnings

warnings.simplefilter("error")

import prov.model as model  # noqa: E402
import rdflib  # noqa: E402
import rdflib.compare  # noqa: E402


def graphs(path, form):
    with warnings.catch_warnings():
        # rdflib deprecates names of its own while it parses.
        warnings.simplefilter("ignore", DeprecationWarning)
        data = rdflib.Dataset()
        data.parse(path, format=form)
        return {str(graph.identifier): graph for graph in data.graphs() if len(graph) > 0}


def same_rdf(one, other):
    named = {name for name in one if not name.startswith("urn:x-rdflib")}
    if named != {name for name in other if not name.startswith("urn:x-rdflib")}:
        return False
    default = [next((g for n, g in side.items() if n.startswith("urn:x-rdflib")), rdflib.Graph()) for side in (one, other)]
    pairs = [(one[name], other[name]) for name in named] + [tuple(default)]
    return all(rdflib.compare.isomorphic(a, b) for a, b in pairs)


folder = pathlib.Path(sys.argv[1])
faults = []
count = 0
for path in sorted(folder.glob("*.json")):
    count += 1
    try:
        document = model.ProvDocument.deserialize(path, format="json")
        for form in ("json", "xml"):
            text = document.serialize(format=form)
            if model.ProvDocument.deserialize(content=text, format=form) != document:
                faults.append(f"{path.name}: not equal after a round trip through {form}")
        for suffix, form in ((".provn", "provn"), (".xml", "xml")):
            beside = path.with_suffix(suffix)
            if beside.exists() and model.ProvDocument.deserialize(beside, format=form) != document:
                faults.append(f"{beside.name}: not equal to {path.name}")
        trig, jsonld = path.with_suffix(".trig"), path.with_suffix(".jsonld")
        if trig.exists() and not same_rdf(graphs(trig, "trig"), graphs(jsonld, "json-ld")):
            faults.append(f"{trig.name}: not the data set of {jsonld.name}")
    except Exception as error:  # every fault of a reader is told with the document that it was met in
        faults.append(f"{path.name}: {type(error).__name__}: {error}")
print(json.dumps({"documents": count, "faults": faults}))
