// Checks queries with Microsoft's own parser against the columns of the tables they read, and what
// they return against what is declared.
//
//     node check.js SCHEMA.json RESULTS.json QUERY.kql ...
//
// SCHEMA  {table: {column: type}}          RESULTS  {file name: ["column:type", ...]}, in order
// Prints file:line:col: code: message for each problem; exit 1 if there is one, 2 if called wrongly.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

// The parser is C# made JavaScript: an overloaded constructor is $ctorN, and which N is which
// belongs to the version pinned in package.json.
function workspace(schema) {
  const tables = Object.entries(schema).map(([table, columns]) => {
    const listed = Object.entries(columns).map(([name, type]) => `['${name}']:${type}`);
    return new Symbols.TableSymbol.$ctor7(table, `(${listed.join(", ")})`, null);
  });
  const database = new Symbols.DatabaseSymbol.$ctor3("LogAnalytics", null, tables, false);
  return GlobalState.Default.WithDatabase(database);
}

function listed(things) {
  return Array.from({ length: things.Count }, (_, at) => things.getItem(at));
}

function place(text, start) {
  const before = text.slice(0, start).split("\n");
  return `${before.length}:${before.at(-1).length + 1}`;
}

function resultOf(code) {
  const columns = code.ResultType?.Columns;
  return columns ? listed(columns).map((column) => `${column.Name}:${column.Type.Name}`) : [];
}

function differences(found, declared) {
  if (declared === undefined) return [`it is not declared what it returns: ${found.join(", ")}`];
  if (found.join() === declared.join()) return [];
  const at = found.findIndex((column, index) => column !== declared[index]);
  const which = at < 0 ? found.length : at;
  return [
    `column ${which + 1} returned is ${found[which] ?? "missing"}, ` +
      `declared is ${declared[which] ?? "none"}`,
  ];
}

function problemsOf(file, globals, results) {
  const text = fs.readFileSync(file, "utf8");
  const code = KustoCode.ParseAndAnalyze(text, globals);
  const said = listed(code.GetDiagnostics()).map(
    (each) => `${file}:${place(text, each.Start)}: ${each.Code}: ${each.Message}`,
  );
  const declared = results[path.basename(file)];
  const unlike = differences(resultOf(code), declared);
  return [...said, ...unlike.map((each) => `${file}:1:1: result: ${each}`)];
}

function main([schemaFile, resultsFile, ...files]) {
  if (files.length === 0) {
    console.error("usage: node check.js SCHEMA.json RESULTS.json QUERY.kql ...");
    return 2;
  }
  const read = (file) => JSON.parse(fs.readFileSync(file, "utf8"));
  const globals = workspace(read(schemaFile));
  const results = read(resultsFile);
  const problems = files.flatMap((file) => problemsOf(file, globals, results));
  for (const problem of problems) console.error(problem);
  if (problems.length === 0) console.log(`${files.length} queries: Microsoft's parser agrees`);
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
