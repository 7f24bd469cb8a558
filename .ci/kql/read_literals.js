// Reads literals of KQL, one a line of the input, and prints their values as JSON: what Microsoft's
// parser understands by what we wrote. Used by tests.
"use strict";

require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const { GlobalState, KustoCode, Syntax } = globalThis.Kusto.Language;

function valueOf(line) {
  const code = KustoCode.ParseAndAnalyze(`print ${line}`, GlobalState.Default);
  const values = [];
  Syntax.SyntaxElement.WalkNodes(code.Syntax, (node) => {
    if (node instanceof Syntax.LiteralExpression) values.push(node.LiteralValue);
  });
  const whole = code.GetDiagnostics().Count === 0 && values.length === 1;
  return whole ? values[0] : { notOneLiteral: line, values };
}

const lines = require("node:fs").readFileSync(0, "utf8").split("\n");
console.log(JSON.stringify(lines.map(valueOf)));
