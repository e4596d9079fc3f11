import pathlib

pathlib.Path("reports").mkdir()
case = '<testcase classname="tests.test_cart" name="test_total" time="0.25"/>'
pathlib.Path("reports/unit.xml").write_text(f"<testsuites><testsuite>{case}</testsuite></testsuites>")
